package greenroom

import (
	"context"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
)

// ListParked pages through the events that could not be applied, newest first; healed ones only if all. Scope ops, as all below.
func (c *Client) ListParked(ctx context.Context, all bool, pageToken string) (parked []*Parked, next string, err error) {
	a, err := call(ctx, c, c.ops.ListParked, &opsv1.ListParkedRequest{All: all, PageToken: pageToken}, nil)
	return a.GetParked(), a.GetNextPageToken(), err
}

// GetParked shows one of them with the event, if it can be read, and its bytes.
func (c *Client) GetParked(ctx context.Context, id int64) (*opsv1.GetParkedResponse, error) {
	return call(ctx, c, c.ops.GetParked, &opsv1.GetParkedRequest{Id: id}, nil)
}

// RedriveParked applies the parked event's room again, from the committed state.
func (c *Client) RedriveParked(ctx context.Context, id int64) (*Parked, error) {
	a, err := call(ctx, c, c.ops.RedriveParked, &opsv1.RedriveParkedRequest{Id: id}, nil)
	return a.GetParked(), err
}

// TraceRoom shows when the room's last changes passed each station; limit 0 is the server's choice.
func (c *Client) TraceRoom(ctx context.Context, room int64, limit int32) (*Trace, error) {
	return call(ctx, c, c.ops.TraceRoom, &opsv1.TraceRoomRequest{Id: room, Limit: limit}, nil)
}

// ListHot lists the rooms that a crowd reads now from the node that is asked, the most read first.
func (c *Client) ListHot(ctx context.Context) (*HotRooms, error) {
	return call(ctx, c, c.ops.ListHot, &opsv1.ListHotRequest{}, nil)
}

// Rebuild starts a rebuild of the viewers' database, or finds the one that runs.
func (c *Client) Rebuild(ctx context.Context) (*RebuildProgress, error) {
	return call(ctx, c, c.ops.Rebuild, &opsv1.RebuildRequest{}, nil)
}

// RebuildProgress says how far it is.
func (c *Client) RebuildProgress(ctx context.Context) (*RebuildProgress, error) {
	return call(ctx, c, c.ops.GetRebuild, &opsv1.GetRebuildRequest{}, nil)
}
