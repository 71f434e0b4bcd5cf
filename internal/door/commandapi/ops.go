package commandapi

import (
	"context"

	"connectrpc.com/connect"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
)

// defaultTrace is how many changes of a room are traced when the caller does not say.
const defaultTrace = 10

// Zones are the zones that operators may name.
type Zones interface {
	// Ops are the operators' calls of a zone; "" is the home zone. ZONE_NOT_FOUND.
	Ops(zone string) (Ops, error)
	// List asks every zone how it stands. One that does not answer is listed with the reason.
	List(ctx context.Context) []*opsv1.ViewerZone
	// Drain moves a zone's readers away, or lets them back, and returns the zone as it stands then.
	Drain(ctx context.Context, zone string, drained bool, reason string) (*opsv1.ViewerZone, error)
}

// Ops is what operators ask of a zone. Callers of it hold the scope ops already, and its arguments are within
// the bounds of the protos. PARKED_NOT_FOUND and ROOM_NOT_FOUND for what is not there.
type Ops interface {
	// ListParked lists up to limit dead letters with ids below before (0: from the newest), newest
	// first; healed ones only if all.
	ListParked(ctx context.Context, all bool, before int64, limit int) ([]*opsv1.Parked, error)
	GetParked(ctx context.Context, id int64) (*opsv1.GetParkedResponse, error)
	// Redrive applies the dead letter's room again from the committed state, and returns the letter as it is then.
	Redrive(ctx context.Context, id int64) (*opsv1.Parked, error)
	// TraceRoom shows the times of the room's last changes, newest first, at most limit.
	TraceRoom(ctx context.Context, id int64, limit int) (*opsv1.TraceRoomResponse, error)
	// Rebuild starts a rebuild of the views, or finds the running one. It does not wait.
	Rebuild(ctx context.Context) (*opsv1.RebuildProgress, error)
	RebuildProgress(ctx context.Context) (*opsv1.RebuildProgress, error)
	// ListHot lists the rooms that are hot now, the most read first.
	ListHot(ctx context.Context) (*opsv1.ListHotResponse, error)
}

// opsHandler serves greenroom.ops.v1.OpsService.
type opsHandler struct {
	zones    Zones
	switches Switches
}

// zoned is a request that may name a zone.
type zoned interface{ GetZone() string }

// inZone calls the zone that the request names.
func inZone[T any](h *opsHandler, req zoned, do func(Ops) (*T, error)) (*connect.Response[T], error) {
	ops, err := h.zones.Ops(req.GetZone())
	if err != nil {
		return nil, err
	}
	return respond(do(ops))
}

// ListParked pages through dead letters.
func (h *opsHandler) ListParked(ctx context.Context, req *connect.Request[opsv1.ListParkedRequest]) (*connect.Response[opsv1.ListParkedResponse], error) {
	limit, before, err := page(req.Msg.GetPageSize(), req.Msg.GetPageToken())
	if err != nil {
		return nil, err
	}
	return inZone(h, req.Msg, func(ops Ops) (*opsv1.ListParkedResponse, error) {
		list, err := ops.ListParked(ctx, req.Msg.GetAll(), before, limit+1)
		if err != nil {
			return nil, err
		}
		list, next := cut(list, limit, (*opsv1.Parked).GetId)
		return &opsv1.ListParkedResponse{Parked: list, NextPageToken: next}, nil
	})
}

// GetParked shows one dead letter with its bytes.
func (h *opsHandler) GetParked(ctx context.Context, req *connect.Request[opsv1.GetParkedRequest]) (*connect.Response[opsv1.GetParkedResponse], error) {
	return inZone(h, req.Msg, func(ops Ops) (*opsv1.GetParkedResponse, error) { return ops.GetParked(ctx, req.Msg.GetId()) })
}

// RedriveParked tries a dead letter's room again.
func (h *opsHandler) RedriveParked(ctx context.Context, req *connect.Request[opsv1.RedriveParkedRequest]) (*connect.Response[opsv1.RedriveParkedResponse], error) {
	return inZone(h, req.Msg, func(ops Ops) (*opsv1.RedriveParkedResponse, error) {
		p, err := ops.Redrive(ctx, req.Msg.GetId())
		return &opsv1.RedriveParkedResponse{Parked: p}, err
	})
}

// TraceRoom shows a room's way through the house.
func (h *opsHandler) TraceRoom(ctx context.Context, req *connect.Request[opsv1.TraceRoomRequest]) (*connect.Response[opsv1.TraceRoomResponse], error) {
	limit := int(req.Msg.GetLimit())
	if limit == 0 {
		limit = defaultTrace
	}
	return inZone(h, req.Msg, func(ops Ops) (*opsv1.TraceRoomResponse, error) { return ops.TraceRoom(ctx, req.Msg.GetId(), limit) })
}

// ListHot shows what a crowd reads.
func (h *opsHandler) ListHot(ctx context.Context, req *connect.Request[opsv1.ListHotRequest]) (*connect.Response[opsv1.ListHotResponse], error) {
	return inZone(h, req.Msg, func(ops Ops) (*opsv1.ListHotResponse, error) { return ops.ListHot(ctx) })
}

// Rebuild starts a rebuild.
func (h *opsHandler) Rebuild(ctx context.Context, req *connect.Request[opsv1.RebuildRequest]) (*connect.Response[opsv1.RebuildProgress], error) {
	return inZone(h, req.Msg, func(ops Ops) (*opsv1.RebuildProgress, error) { return ops.Rebuild(ctx) })
}

// GetRebuild shows how far it is.
func (h *opsHandler) GetRebuild(ctx context.Context, req *connect.Request[opsv1.GetRebuildRequest]) (*connect.Response[opsv1.RebuildProgress], error) {
	return inZone(h, req.Msg, func(ops Ops) (*opsv1.RebuildProgress, error) { return ops.RebuildProgress(ctx) })
}

// ListZones shows how every zone stands.
func (h *opsHandler) ListZones(ctx context.Context, _ *connect.Request[opsv1.ListZonesRequest]) (*connect.Response[opsv1.ListZonesResponse], error) {
	return respond(&opsv1.ListZonesResponse{Zones: h.zones.List(ctx)}, nil)
}

// DrainZone moves a zone's readers away, or lets them back.
func (h *opsHandler) DrainZone(ctx context.Context, req *connect.Request[opsv1.DrainZoneRequest]) (*connect.Response[opsv1.ViewerZone], error) {
	return respond(h.zones.Drain(ctx, req.Msg.GetZone(), req.Msg.GetDrained(), req.Msg.GetReason()))
}

func respond[T any](m *T, err error) (*connect.Response[T], error) {
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(m), nil
}
