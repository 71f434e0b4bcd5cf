package ingestapi

import (
	"context"

	ingestv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ingest/v1"
	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// Entrance is where the direct courier ends: the zone's projector.
type Entrance interface {
	relay.Ingest
	relay.BeatCourier
}

// Node is this process's part in its zone.
type Node interface {
	// Entrance is the projector while this process is the zone's; otherwise nil, and the internal address of
	// the process that is, "" when nobody knows. It does not block.
	Entrance() (in Entrance, leader string)
	// Standing says how the zone stands, as far as this node knows.
	Standing(ctx context.Context) (*ingestv1.Standing, error)
	// Drain says whether the operators want readers in this zone. Any of its nodes can take it, and it lasts until it
	// is said otherwise.
	Drain(ctx context.Context, drained bool) error
}

// Ops is what operators ask of this zone, as commandapi.Ops. Redrive, Rebuild and RebuildProgress are only called
// while this process is the zone's projector.
type Ops interface {
	ListParked(ctx context.Context, all bool, before int64, limit int) ([]*opsv1.Parked, error)
	GetParked(ctx context.Context, id int64) (*opsv1.GetParkedResponse, error)
	Redrive(ctx context.Context, id int64) (*opsv1.Parked, error)
	TraceRoom(ctx context.Context, id int64, limit int) (*opsv1.TraceRoomResponse, error)
	Rebuild(ctx context.Context) (*opsv1.RebuildProgress, error)
	RebuildProgress(ctx context.Context) (*opsv1.RebuildProgress, error)
	ListHot(ctx context.Context) (*opsv1.ListHotResponse, error)
}
