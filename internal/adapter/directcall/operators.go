package directcall

import (
	"context"
	"strconv"

	"google.golang.org/grpc"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
)

// operate makes one of the operators' calls.
func operate[Q, A any](ctx context.Context, z *Zone, req *Q, call func(opsv1.OpsServiceClient, context.Context, *Q, ...grpc.CallOption) (*A, error)) (*A, error) {
	var answer *A
	err := z.ask(ctx, opsWithin, opsEach, func(ctx context.Context, c grpc.ClientConnInterface) error {
		a, err := call(opsv1.NewOpsServiceClient(c), ctx, req)
		answer = a
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// ListParked lists up to limit dead letters of the zone, 201 at most, with ids below before (0: from the newest).
func (z *Zone) ListParked(ctx context.Context, all bool, before int64, limit int) ([]*opsv1.Parked, error) {
	req := &opsv1.ListParkedRequest{All: all, PageSize: int32(limit)}
	if before > 0 {
		req.PageToken = strconv.FormatInt(before, 10)
	}
	a, err := operate(ctx, z, req, opsv1.OpsServiceClient.ListParked)
	return a.GetParked(), err
}

// GetParked shows one.
func (z *Zone) GetParked(ctx context.Context, id int64) (*opsv1.GetParkedResponse, error) {
	return operate(ctx, z, &opsv1.GetParkedRequest{Id: id}, opsv1.OpsServiceClient.GetParked)
}

// Redrive tries its room again, at the zone's projector.
func (z *Zone) Redrive(ctx context.Context, id int64) (*opsv1.Parked, error) {
	a, err := operate(ctx, z, &opsv1.RedriveParkedRequest{Id: id}, opsv1.OpsServiceClient.RedriveParked)
	return a.GetParked(), err
}

// TraceRoom shows a room's way as the zone's projector saw it, or another node while there is none.
func (z *Zone) TraceRoom(ctx context.Context, id int64, limit int) (*opsv1.TraceRoomResponse, error) {
	return operate(ctx, z, &opsv1.TraceRoomRequest{Id: id, Limit: int32(limit)}, opsv1.OpsServiceClient.TraceRoom)
}

// ListHot shows what a crowd reads at one node.
func (z *Zone) ListHot(ctx context.Context) (*opsv1.ListHotResponse, error) {
	return operate(ctx, z, &opsv1.ListHotRequest{}, opsv1.OpsServiceClient.ListHot)
}

// Rebuild starts a rebuild at the zone's projector, or finds the running one.
func (z *Zone) Rebuild(ctx context.Context) (*opsv1.RebuildProgress, error) {
	return operate(ctx, z, &opsv1.RebuildRequest{}, opsv1.OpsServiceClient.Rebuild)
}

// RebuildProgress shows how far it is.
func (z *Zone) RebuildProgress(ctx context.Context) (*opsv1.RebuildProgress, error) {
	return operate(ctx, z, &opsv1.GetRebuildRequest{}, opsv1.OpsServiceClient.GetRebuild)
}
