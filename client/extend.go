package greenroom

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	extendv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/extend/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// Extension is a room with all that hangs in it, also badges that viewers do not see yet.
type Extension = extendv1.ExtensionResponse

// Badge is a mark that staff gave a room, for a time.
type Badge = extendv1.Badge

// RoomExtension reads what hangs in a room from the B side: strongly consistent, for its owner and for staff.
func (c *Client) RoomExtension(ctx context.Context, room int64) (*Extension, error) {
	return call(ctx, c, c.extend.GetExtension, &extendv1.GetExtensionRequest{RoomId: room}, nil)
}

// Announce changes a room's announcement: plain text, at most 500 characters; empty takes it down.
func (c *Client) Announce(ctx context.Context, room int64, text string, options ...CallOption) (*Extension, error) {
	return write(ctx, c, c.extend.SetAnnouncement, &extendv1.SetAnnouncementRequest{RoomId: room, Announcement: text}, options)
}

// Pin changes a room's pinned message: plain text, at most 200 characters; empty takes it down.
func (c *Client) Pin(ctx context.Context, room int64, text string, options ...CallOption) (*Extension, error) {
	return write(ctx, c, c.extend.SetPinned, &extendv1.SetPinnedRequest{RoomId: room, Pinned: text}, options)
}

// GrantBadge gives a room a badge, or moves the window of the one that has the name. A zero from is now, a zero until
// is until it is revoked. For staff.
func (c *Client) GrantBadge(ctx context.Context, room int64, name string, from, until time.Time, options ...CallOption) (*Extension, error) {
	req := &extendv1.GrantBadgeRequest{RoomId: room, Name: name}
	if !from.IsZero() {
		req.From = timestamppb.New(from)
	}
	if !until.IsZero() {
		req.Until = timestamppb.New(until)
	}
	return write(ctx, c, c.extend.GrantBadge, req, options)
}

// RevokeBadge takes a badge away; one that the room does not have stays so. For staff.
func (c *Client) RevokeBadge(ctx context.Context, room int64, name string, options ...CallOption) (*Extension, error) {
	return write(ctx, c, c.extend.RevokeBadge, &extendv1.RevokeBadgeRequest{RoomId: room, Name: name}, options)
}

// Widget is a typed value that hangs in a room.
type Widget = roomv1.Widget

// WidgetType says what values the widgets of a kind may have.
type WidgetType = extendv1.WidgetType

// PutWidget hangs a widget up, or gives the one of the name another value. expected is the version it has to be at, 0
// for any. A value that its type does not allow is INVALID_ARGUMENT, whose details.field points at what is wrong.
func (c *Client) PutWidget(ctx context.Context, room int64, name, of string, value *structpb.Struct, expected int64, options ...CallOption) (*Extension, error) {
	return write(ctx, c, c.extend.PutWidget,
		&extendv1.PutWidgetRequest{RoomId: room, Name: name, Type: of, Value: value, ExpectedVersion: expected}, options)
}

// RemoveWidget takes a widget down; one that the room does not have stays so. expected is as in PutWidget.
func (c *Client) RemoveWidget(ctx context.Context, room int64, name string, expected int64, options ...CallOption) (*Extension, error) {
	return write(ctx, c, c.extend.RemoveWidget, &extendv1.RemoveWidgetRequest{RoomId: room, Name: name, ExpectedVersion: expected}, options)
}

// WidgetTypes is the registry by name, retired types among them.
func (c *Client) WidgetTypes(ctx context.Context) ([]*WidgetType, error) {
	out, err := call(ctx, c, c.extend.ListWidgetTypes, &extendv1.ListWidgetTypesRequest{}, nil)
	return out.GetTypes(), err
}

// WidgetType reads one type of the registry.
func (c *Client) WidgetType(ctx context.Context, name string) (*WidgetType, error) {
	out, err := call(ctx, c, c.extend.GetWidgetType, &extendv1.GetWidgetTypeRequest{Name: name}, nil)
	return out.GetType(), err
}

// PutWidgetType puts a type into the registry, or gives it another JSON Schema; IfMatch is the type's version. For staff.
func (c *Client) PutWidgetType(ctx context.Context, name string, schema *structpb.Struct, options ...CallOption) (*WidgetType, error) {
	out, err := write(ctx, c, c.extend.PutWidgetType, &extendv1.PutWidgetTypeRequest{Name: name, Schema: schema}, options)
	return out.GetType(), err
}

// RetireWidgetType takes a type out of use: what hangs stays. For staff.
func (c *Client) RetireWidgetType(ctx context.Context, name string, options ...CallOption) (*WidgetType, error) {
	out, err := write(ctx, c, c.extend.RetireWidgetType, &extendv1.RetireWidgetTypeRequest{Name: name}, options)
	return out.GetType(), err
}
