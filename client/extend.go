package greenroom

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	extendv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/extend/v1"
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
