package ingestapi

import (
	"context"
	"strconv"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
)

// maxList bounds a list of dead letters: a page as operators may ask for it, and one more, which says whether there
// is a next page.
const maxList = 201

// operators serves greenroom.ops.v1.OpsService for this zone. Callers are doors of the B side: scopes were checked there.
//
// A page token is not sealed here: it is the id that the list goes on below.
type operators struct {
	opsv1.UnimplementedOpsServiceServer
	door *Door
}

// ListParked lists dead letters.
func (o *operators) ListParked(ctx context.Context, req *opsv1.ListParkedRequest) (*opsv1.ListParkedResponse, error) {
	limit := int(req.GetPageSize())
	if limit < 1 || limit > maxList {
		return nil, malformed("page_size", nil, "1 to %d", maxList)
	}
	var before int64
	if token := req.GetPageToken(); token != "" {
		var err error
		if before, err = strconv.ParseInt(token, 10, 64); err != nil || before <= 0 {
			return nil, malformed("page_token", err, "an id")
		}
	}
	list, err := o.door.Ops.ListParked(ctx, req.GetAll(), before, limit)
	return &opsv1.ListParkedResponse{Parked: list}, err
}

// GetParked shows one.
func (o *operators) GetParked(ctx context.Context, req *opsv1.GetParkedRequest) (*opsv1.GetParkedResponse, error) {
	return o.door.Ops.GetParked(ctx, req.GetId())
}

// RedriveParked tries its room again.
func (o *operators) RedriveParked(ctx context.Context, req *opsv1.RedriveParkedRequest) (*opsv1.RedriveParkedResponse, error) {
	if _, err := o.door.entrance(); err != nil {
		return nil, err
	}
	p, err := o.door.Ops.Redrive(ctx, req.GetId())
	return &opsv1.RedriveParkedResponse{Parked: p}, err
}

// TraceRoom shows a room's way, as this node saw it.
func (o *operators) TraceRoom(ctx context.Context, req *opsv1.TraceRoomRequest) (*opsv1.TraceRoomResponse, error) {
	return o.door.Ops.TraceRoom(ctx, req.GetId(), int(req.GetLimit()))
}

// ListHot shows what a crowd reads here.
func (o *operators) ListHot(ctx context.Context, _ *opsv1.ListHotRequest) (*opsv1.ListHotResponse, error) {
	return o.door.Ops.ListHot(ctx)
}

// Rebuild starts a rebuild.
func (o *operators) Rebuild(ctx context.Context, _ *opsv1.RebuildRequest) (*opsv1.RebuildProgress, error) {
	if _, err := o.door.entrance(); err != nil {
		return nil, err
	}
	return o.door.Ops.Rebuild(ctx)
}

// GetRebuild shows how far it is.
func (o *operators) GetRebuild(ctx context.Context, _ *opsv1.GetRebuildRequest) (*opsv1.RebuildProgress, error) {
	if _, err := o.door.entrance(); err != nil {
		return nil, err
	}
	return o.door.Ops.RebuildProgress(ctx)
}
