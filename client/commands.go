package greenroom

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// CreateRoom opens an idle room.
func (c *Client) CreateRoom(ctx context.Context, room *NewRoom, options ...CallOption) (*RoomResponse, error) {
	return write(ctx, c, c.anchor.CreateRoom, room, options)
}

// OwnRoom reads a room from the B side: strongly consistent, for its owner and for staff. Viewers use GetRoom.
func (c *Client) OwnRoom(ctx context.Context, id int64) (*RoomResponse, error) {
	return call(ctx, c, c.anchor.GetRoom, &anchorv1.GetRoomRequest{Id: id}, nil)
}

// UpdateRoom changes the fields that the patch holds, or with names in mask exactly those: that is how a list is emptied.
func (c *Client) UpdateRoom(ctx context.Context, id int64, patch *RoomPatch, mask []string, options ...CallOption) (*RoomResponse, error) {
	req := &anchorv1.UpdateRoomRequest{Id: id, Room: patch}
	if len(mask) > 0 {
		req.UpdateMask = &fieldmaskpb.FieldMask{Paths: mask}
	}
	return write(ctx, c, c.anchor.UpdateRoom, req, options)
}

// ListRooms pages through an anchor's rooms by id; anchor 0 is the caller, or everybody for staff. The
// first page has an empty token, and the last one returns an empty one.
func (c *Client) ListRooms(ctx context.Context, anchor int64, pageToken string) (rooms []*Room, next string, err error) {
	a, err := call(ctx, c, c.anchor.ListRooms, &anchorv1.ListRoomsRequest{AnchorId: anchor, PageToken: pageToken}, nil)
	return a.GetRooms(), a.GetNextPageToken(), err
}

// StartRoom starts a broadcast that has no media server.
func (c *Client) StartRoom(ctx context.Context, id int64, options ...CallOption) (*RoomResponse, error) {
	return write(ctx, c, c.anchor.StartRoom, &anchorv1.StartRoomRequest{Id: id}, options)
}

// StopRoom ends the running session; an idle room stays idle.
func (c *Client) StopRoom(ctx context.Context, id int64, options ...CallOption) (*RoomResponse, error) {
	return write(ctx, c, c.anchor.StopRoom, &anchorv1.StopRoomRequest{Id: id}, options)
}

// CreateKey makes a stream key. Its secret is in this answer only.
func (c *Client) CreateKey(ctx context.Context, room int64, label string, options ...CallOption) (*NewKey, error) {
	return write(ctx, c, c.anchor.CreateKey, &anchorv1.CreateKeyRequest{RoomId: room, Label: label}, options)
}

// RotateKey makes a new key; the old one stays valid for the overlap, in whole seconds.
func (c *Client) RotateKey(ctx context.Context, room, key int64, overlap time.Duration, options ...CallOption) (*NewKey, error) {
	req := &anchorv1.RotateKeyRequest{RoomId: room, KeyId: key, OverlapSeconds: new(int32(overlap / time.Second))}
	return write(ctx, c, c.anchor.RotateKey, req, options)
}

// RevokeKey ends a key's use. A stream that runs on it goes on until StopRoom.
func (c *Client) RevokeKey(ctx context.Context, room, key int64, options ...CallOption) (*Key, error) {
	a, err := write(ctx, c, c.anchor.RevokeKey, &anchorv1.RevokeKeyRequest{RoomId: room, KeyId: key}, options)
	return a.GetKey(), err
}

// ListKeys lists a room's keys, newest first, without secrets.
func (c *Client) ListKeys(ctx context.Context, room int64) ([]*Key, error) {
	a, err := call(ctx, c, c.anchor.ListKeys, &anchorv1.ListKeysRequest{RoomId: room}, nil)
	return a.GetKeys(), err
}

// ListSessions pages through a room's broadcasts, newest first.
func (c *Client) ListSessions(ctx context.Context, room int64, pageToken string) (sessions []*Session, next string, err error) {
	a, err := call(ctx, c, c.anchor.ListSessions, &anchorv1.ListSessionsRequest{RoomId: room, PageToken: pageToken}, nil)
	return a.GetSessions(), a.GetNextPageToken(), err
}

// ListAreas reads the area tree.
func (c *Client) ListAreas(ctx context.Context) ([]*Area, error) {
	a, err := call(ctx, c, c.anchor.ListAreas, &roomv1.ListAreasRequest{}, nil)
	return a.GetAreas(), err
}

// CreateArea files a new area below parent; 0 is the top.
func (c *Client) CreateArea(ctx context.Context, parent int64, name string, options ...CallOption) (*Area, error) {
	a, err := write(ctx, c, c.anchor.CreateArea, &anchorv1.CreateAreaRequest{ParentId: parent, Name: name}, options)
	return a.GetArea(), err
}

// RenameArea gives an area another name.
func (c *Client) RenameArea(ctx context.Context, id int64, name string, options ...CallOption) (*Area, error) {
	a, err := write(ctx, c, c.anchor.UpdateArea, &anchorv1.UpdateAreaRequest{Id: id, Name: &name}, options)
	return a.GetArea(), err
}

// MoveArea moves an area with all below it; parent 0 is the top.
func (c *Client) MoveArea(ctx context.Context, id, parent int64, options ...CallOption) (*Area, error) {
	a, err := write(ctx, c, c.anchor.UpdateArea, &anchorv1.UpdateAreaRequest{Id: id, ParentId: &parent}, options)
	return a.GetArea(), err
}
