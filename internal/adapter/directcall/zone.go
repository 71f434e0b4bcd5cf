package directcall

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	ingestv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ingest/v1"
	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/wire"
)

const (
	// pushWithin bounds the courier's calls where their context allows more.
	pushWithin = time.Second
	// opsWithin bounds what an operator waits for, and opsEach what one node may take of it.
	opsWithin = 4 * time.Second
	opsEach   = 3 * time.Second
	// standingWithin bounds the question to each node how its zone stands: a node that takes longer is not well.
	standingWithin = time.Second
)

// Zone calls the viewer nodes of one zone. It is relay.Ingest and relay.BeatCourier.
type Zone struct {
	*peers
	name string
}

// NewZone makes the caller of a zone. It connects when it is first asked to call.
func NewZone(name string, c Config) (*Zone, error) {
	p, err := newPeers(c)
	if err != nil {
		return nil, err
	}
	return &Zone{peers: p, name: name}, nil
}

// Push is relay.Ingest. More events than a page takes go in several, in order; after an error the first of them may have
// been applied.
func (z *Zone) Push(ctx context.Context, events []event.RoomEvent) error {
	ctx, cancel := context.WithTimeout(ctx, pushWithin)
	defer cancel()
	for len(events) > 0 {
		page, n, err := wire.FillPage(events)
		if err != nil {
			return err
		}
		err = z.ask(ctx, pushWithin, pushWithin, func(ctx context.Context, c grpc.ClientConnInterface) error {
			_, err := ingestv1.NewIngestServiceClient(c).Push(ctx, &ingestv1.PushRequest{Page: page})
			return err
		})
		if err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// Beat is relay.BeatCourier.
func (z *Zone) Beat(ctx context.Context, b event.Beat) error {
	return z.ask(ctx, pushWithin, pushWithin, func(ctx context.Context, c grpc.ClientConnInterface) error {
		_, err := ingestv1.NewIngestServiceClient(c).Beat(ctx, &ingestv1.BeatRequest{Epoch: b.Epoch, Seq: int64(b.Seq), At: wire.Time(b.At)})
		return err
	})
}

// Drain moves the zone's readers away, or lets them back.
func (z *Zone) Drain(ctx context.Context, drained bool, reason string) (*opsv1.ViewerZone, error) {
	err := z.ask(ctx, opsWithin, opsEach, func(ctx context.Context, c grpc.ClientConnInterface) error {
		_, err := ingestv1.NewIngestServiceClient(c).Drain(ctx, &ingestv1.DrainRequest{Zone: z.name, Drained: drained, Reason: reason})
		return err
	})
	if err != nil {
		return nil, err
	}
	return z.Standing(ctx), nil
}

// Standing asks every endpoint how the zone stands. What the projector says counts most; without it, the node whose
// views are furthest.
func (z *Zone) Standing(ctx context.Context) *opsv1.ViewerZone {
	ctx, cancel := context.WithTimeout(ctx, standingWithin)
	defer cancel()
	said := make([]*ingestv1.Standing, len(z.Endpoints))
	faults := make([]*fault.Error, len(z.Endpoints))
	var all errgroup.Group
	for i, addr := range z.Endpoints {
		all.Go(func() error {
			said[i], faults[i] = z.standing(ctx, addr)
			return nil
		})
	}
	_ = all.Wait() // none fails: a fault is what is to be shown
	out := &opsv1.ViewerZone{Name: z.name, Nodes: int32(len(z.Endpoints))}
	var best *ingestv1.Standing
	for i, s := range said {
		if faults[i] != nil {
			out.Error = faults[i].Message
			continue
		}
		out.Reachable++
		if best == nil || s.GetLeads() || !best.GetLeads() && s.GetContiguous() > best.GetContiguous() {
			best = s
		}
	}
	if best != nil {
		out.Leader, out.Drained, out.AgeMs, out.Contiguous, out.Error = best.GetLeader(), best.GetDrained(), best.AgeMs, best.GetContiguous(), ""
	}
	return out
}

// standing asks one endpoint. A node of another zone is as good as none.
func (z *Zone) standing(ctx context.Context, addr string) (*ingestv1.Standing, *fault.Error) {
	conn, err := z.conn(addr)
	if err != nil {
		return nil, faultOf(addr, err)
	}
	s, err := ingestv1.NewIngestServiceClient(conn).GetStanding(ctx, &ingestv1.StandingRequest{})
	if err != nil {
		return nil, faultOf(addr, err)
	}
	if s.GetZone() != z.name {
		return nil, fault.Unreachable.New("%s is a node of zone %q", addr, s.GetZone())
	}
	return s, nil
}
