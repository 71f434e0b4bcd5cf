package commandapi

import (
	"context"

	"connectrpc.com/connect"

	extendv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/extend/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

type widgetTypeAnswer = connect.Response[extendv1.WidgetTypeResponse]

// PutWidget hangs a widget up, or gives it another value.
func (h *extendHandler) PutWidget(ctx context.Context, req *connect.Request[extendv1.PutWidgetRequest]) (*extensionAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.PutWidget(ctx, m, ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetName(), req.Msg.GetType(),
			req.Msg.GetValue().AsMap(), ident.Version(req.Msg.GetExpectedVersion()))
	})
}

// RemoveWidget takes a widget down.
func (h *extendHandler) RemoveWidget(ctx context.Context, req *connect.Request[extendv1.RemoveWidgetRequest]) (*extensionAnswer, error) {
	return h.onRoom(ctx, req.Header(), func(m command.Meta) (*room.Room, error) {
		return h.commands.RemoveWidget(ctx, m, ident.RoomID(req.Msg.GetRoomId()), req.Msg.GetName(), ident.Version(req.Msg.GetExpectedVersion()))
	})
}

// ListWidgetTypes is the registry.
func (h *extendHandler) ListWidgetTypes(ctx context.Context, req *connect.Request[extendv1.ListWidgetTypesRequest]) (*connect.Response[extendv1.ListWidgetTypesResponse], error) {
	if _, err := metaOf(ctx, req.Header()); err != nil {
		return nil, err
	}
	list, err := h.commands.WidgetTypes(ctx)
	if err != nil {
		return nil, err
	}
	out := &extendv1.ListWidgetTypesResponse{}
	for _, t := range list {
		out.Types = append(out.Types, widgetType(t))
	}
	return connect.NewResponse(out), nil
}

// GetWidgetType is one type of it.
func (h *extendHandler) GetWidgetType(ctx context.Context, req *connect.Request[extendv1.GetWidgetTypeRequest]) (*widgetTypeAnswer, error) {
	if _, err := metaOf(ctx, req.Header()); err != nil {
		return nil, err
	}
	return typeAnswer(h.commands.WidgetType(ctx, req.Msg.GetName()))
}

// PutWidgetType puts a type into the registry, or gives it another schema.
func (h *extendHandler) PutWidgetType(ctx context.Context, req *connect.Request[extendv1.PutWidgetTypeRequest]) (*widgetTypeAnswer, error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	return typeAnswer(h.commands.PutWidgetType(ctx, m, req.Msg.GetName(), req.Msg.GetSchema().AsMap()))
}

// RetireWidgetType takes a type out of use.
func (h *extendHandler) RetireWidgetType(ctx context.Context, req *connect.Request[extendv1.RetireWidgetTypeRequest]) (*widgetTypeAnswer, error) {
	m, err := metaOf(ctx, req.Header())
	if err != nil {
		return nil, err
	}
	return typeAnswer(h.commands.RetireWidgetType(ctx, m, req.Msg.GetName()))
}

func typeAnswer(t *room.WidgetType, err error) (*widgetTypeAnswer, error) {
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&extendv1.WidgetTypeResponse{Type: widgetType(t)}), nil
}

func widgetType(t *room.WidgetType) *extendv1.WidgetType {
	return &extendv1.WidgetType{
		Name: t.Name, Version: int64(t.Version), Schema: wire.Object(t.Schema), Retired: t.Retired,
		ChangedAt: wire.Time(t.ChangedAt), ChangedBy: t.Actor,
	}
}
