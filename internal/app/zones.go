package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

// homeName is what the zone beside the B side is called where nobody named it.
const homeName = "home"

// zone is what operators ask of one zone: in this process, or over the wire (directcall.Zone).
type zone interface {
	commandapi.Ops
	// Standing says how the zone stands now; what cannot be asked stands in its Error.
	Standing(ctx context.Context) *opsv1.ViewerZone
	Drain(ctx context.Context, drained bool, reason string) (*opsv1.ViewerZone, error)
}

// zones is commandapi.Zones.
type zones struct {
	home   string
	byName map[string]zone
}

func (z zones) find(name string) (zone, error) {
	if found := z.byName[cmp.Or(name, z.home)]; found != nil {
		return found, nil
	}
	return nil, fault.ZoneNotFound.New("there is no zone %s", name)
}

// Ops is commandapi.Zones.
func (z zones) Ops(name string) (commandapi.Ops, error) { return z.find(name) }

// List is commandapi.Zones. All are asked at once: one that hangs does not make the others look late.
func (z zones) List(ctx context.Context) []*opsv1.ViewerZone {
	names := slices.Sorted(maps.Keys(z.byName))
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(z.rank(a), z.rank(b)) })
	out := make([]*opsv1.ViewerZone, len(names))
	var all errgroup.Group
	for i, name := range names {
		all.Go(func() error {
			out[i] = z.byName[name].Standing(ctx)
			out[i].Home = name == z.home
			return nil
		})
	}
	_ = all.Wait() // none fails
	return out
}

// rank puts the home zone first.
func (z zones) rank(name string) int {
	if name == z.home {
		return 0
	}
	return 1
}

// Drain is commandapi.Zones.
func (z zones) Drain(ctx context.Context, name string, drained bool, reason string) (*opsv1.ViewerZone, error) {
	found, err := z.find(name)
	if err != nil {
		return nil, err
	}
	out, err := found.Drain(ctx, drained, reason)
	if err == nil {
		out.Home = name == z.home
	}
	return out, err
}

// onlyZone is the zone of a process that is the whole house. Its drain lasts as long as the process.
type onlyZone struct {
	*operations
	log     *slog.Logger
	drained atomic.Bool
}

// Standing is zone.
func (z *onlyZone) Standing(context.Context) *opsv1.ViewerZone {
	end, _ := z.Feed.End()
	out := &opsv1.ViewerZone{Name: homeName, Home: true, Nodes: 1, Reachable: 1, Drained: z.drained.Load(), Contiguous: int64(end)}
	if at := z.fresh.ProvenAt(); !at.IsZero() {
		out.AgeMs = proto.Int64(max(time.Since(at), 0).Milliseconds())
	}
	return out
}

// Drain is zone.
func (z *onlyZone) Drain(ctx context.Context, drained bool, reason string) (*opsv1.ViewerZone, error) {
	z.drained.Store(drained)
	z.log.Warn("operators decided about this zone's readers", "drained", drained, "reason", reason)
	return z.Standing(ctx), nil
}

// ready says why viewers should be sent elsewhere.
func (z *onlyZone) ready() error {
	if z.drained.Load() {
		return errors.New("the operators drained this zone")
	}
	return z.Ready()
}
