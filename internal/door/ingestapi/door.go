// Package ingestapi is a viewer node's door for the B side: the direct courier's events and beats, whether the zone
// is drained, and what operators ask of the zone.
//
// Any node of the zone may be called. What only its projector can do is refused by the others with NOT_LEADER, and
// details.leader is where to go; nothing is passed on from here, so no call goes round in circles. A page of
// events is applied whole or refused whole: the queue brings the same events, so a refusal loses nothing, and what cannot
// be read is left to the queue, which parks it.
//
// The door holds no rules and no state; internalapi stands around it.
package ingestapi

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	ingestv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ingest/v1"
	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/wire"
)

const (
	// maxEpoch bounds the name of a log, in bytes; maxReason what operators say.
	maxEpoch  = 64
	maxReason = 200
)

// applyWithin is how long a page may take, whatever its caller waits: that is 20 ms, and a transaction which is given up in
// the middle costs its connection, holds its locks until the database notices, and leaves open whether it happened.
const applyWithin = 2 * time.Second

// Config is what a Door is made of.
type Config struct {
	// Zone is the name of the zone that this node serves.
	Zone string
	Node Node
	Ops  Ops
	Log  *slog.Logger
}

// Door serves greenroom.ingest.v1.IngestService, and greenroom.ops.v1.OpsService for this zone.
type Door struct {
	ingestv1.UnimplementedIngestServiceServer
	Config
}

// New makes a door.
func New(c Config) *Door { return &Door{Config: c} }

// Register is internalapi.Door.
func (d *Door) Register(r grpc.ServiceRegistrar) {
	ingestv1.RegisterIngestServiceServer(r, d)
	opsv1.RegisterOpsServiceServer(r, &operators{door: d})
}

// entrance is the projector, or NOT_LEADER.
func (d *Door) entrance() (Entrance, error) {
	in, leader := d.Node.Entrance()
	if in != nil {
		return in, nil
	}
	f := fault.NotLeader.New("this node is not the projector of zone %s", d.Zone)
	if leader != "" {
		f = f.With("leader", leader)
	}
	return nil, f
}

// Push applies a page of events.
func (d *Door) Push(ctx context.Context, req *ingestv1.PushRequest) (*ingestv1.PushResponse, error) {
	in, err := d.entrance()
	if err != nil {
		return nil, err
	}
	events, err := decode(req.GetPage())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyWithin)
	defer cancel()
	return &ingestv1.PushResponse{}, in.Push(ctx, events)
}

// decode reads a page whose every entry is good.
func decode(page []byte) ([]event.RoomEvent, error) {
	if len(page) > wire.MaxPage {
		return nil, tooLarge("%d bytes, more than %d", len(page), wire.MaxPage)
	}
	var events []event.RoomEvent
	var bad error
	err := wire.EachEntry(page, func(room ident.RoomID, body []byte) {
		if bad != nil || len(events) > wire.PageEvents {
			return
		}
		e, err := wire.UnmarshalEvent(body)
		if err != nil || e.RoomID != room {
			bad = malformed("page", err, "an event of room %s cannot be read", room)
		}
		events = append(events, e)
	})
	switch {
	case bad != nil:
		return nil, bad
	case len(events) > wire.PageEvents:
		return nil, tooLarge("more than %d events", wire.PageEvents)
	case err != nil:
		return nil, malformed("page", err, "not a page of events")
	}
	return events, nil
}

// Beat takes a heartbeat of the log.
func (d *Door) Beat(ctx context.Context, req *ingestv1.BeatRequest) (*ingestv1.BeatResponse, error) {
	in, err := d.entrance()
	if err != nil {
		return nil, err
	}
	if epoch := req.GetEpoch(); epoch == "" || len(epoch) > maxEpoch {
		return nil, malformed("epoch", nil, "a log's name has 1 to %d bytes", maxEpoch)
	}
	if req.GetSeq() < 0 {
		return nil, malformed("seq", nil, "a position is not negative")
	}
	if req.GetAt().CheckValid() != nil {
		return nil, malformed("at", nil, "a beat is of a time")
	}
	return &ingestv1.BeatResponse{}, in.Beat(ctx, event.Beat{Epoch: req.GetEpoch(), Seq: ident.FeedSeq(req.GetSeq()), At: wire.GoTime(req.GetAt())})
}

// GetStanding says how the zone stands.
func (d *Door) GetStanding(ctx context.Context, _ *ingestv1.StandingRequest) (*ingestv1.Standing, error) {
	return d.Node.Standing(ctx)
}

// Drain moves the zone's readers away, or lets them back.
func (d *Door) Drain(ctx context.Context, req *ingestv1.DrainRequest) (*ingestv1.Standing, error) {
	if req.GetZone() != d.Zone {
		return nil, malformed("zone", nil, "this node is of zone %s", d.Zone)
	}
	if len(req.GetReason()) > maxReason {
		return nil, malformed("reason", nil, "longer than %d bytes", maxReason)
	}
	if err := d.Node.Drain(ctx, req.GetDrained()); err != nil {
		return nil, err
	}
	d.Log.Warn("operators decided about this zone's readers", "zone", d.Zone, "drained", req.GetDrained(), "reason", req.GetReason())
	return d.Node.Standing(ctx)
}

func tooLarge(format string, args ...any) error {
	return fault.TooLarge.New("page: "+format, args...).With("field", "page")
}

func malformed(field string, cause error, format string, args ...any) error {
	return fault.InvalidArgument.Wrap(cause, field+": "+format, args...).With("field", field)
}
