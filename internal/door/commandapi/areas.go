package commandapi

import (
	"context"

	"connectrpc.com/connect"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/wire"
)

type areaAnswer = connect.Response[anchorv1.AreaResponse]

// ListAreas is the committed tree; the one call that needs no token.
func (h *anchorHandler) ListAreas(ctx context.Context, _ *connect.Request[roomv1.ListAreasRequest]) (*connect.Response[roomv1.ListAreasResponse], error) {
	areas, err := h.commands.Areas(ctx)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&roomv1.ListAreasResponse{Areas: wire.Areas(areas)}), nil
}

// CreateArea files a new area.
func (h *anchorHandler) CreateArea(ctx context.Context, req *connect.Request[anchorv1.CreateAreaRequest]) (*areaAnswer, error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	return area(h.commands.CreateArea(ctx, m, ident.AreaID(req.Msg.GetParentId()), req.Msg.GetName()))
}

// UpdateArea renames the area, moves it, or both.
func (h *anchorHandler) UpdateArea(ctx context.Context, req *connect.Request[anchorv1.UpdateAreaRequest]) (*areaAnswer, error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	var parent *ident.AreaID
	if req.Msg.ParentId != nil {
		parent = new(ident.AreaID(req.Msg.GetParentId()))
	}
	return area(h.commands.UpdateArea(ctx, m, ident.AreaID(req.Msg.GetId()), req.Msg.Name, parent))
}

func area(a view.Area, err error) (*areaAnswer, error) {
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&anchorv1.AreaResponse{Area: wire.Areas([]view.Area{a})[0]}), nil
}
