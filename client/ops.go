package greenroom

import (
	"context"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
)

// OpsOption adds to one operators' call.
type OpsOption func(*opsCall)

type opsCall struct{ zone string }

// InZone asks it of another zone than the home zone.
func InZone(name string) OpsOption { return func(c *opsCall) { c.zone = name } }

func zoneOf(options []OpsOption) string {
	var c opsCall
	for _, o := range options {
		o(&c)
	}
	return c.zone
}

// ListParked pages through the events that could not be applied, newest first; healed ones only if all. Scope ops, as all below.
func (c *Client) ListParked(ctx context.Context, all bool, pageToken string, options ...OpsOption) (parked []*Parked, next string, err error) {
	a, err := call(ctx, c, c.ops.ListParked, &opsv1.ListParkedRequest{All: all, PageToken: pageToken, Zone: zoneOf(options)}, nil)
	return a.GetParked(), a.GetNextPageToken(), err
}

// GetParked shows one of them with the event, if it can be read, and its bytes.
func (c *Client) GetParked(ctx context.Context, id int64, options ...OpsOption) (*opsv1.GetParkedResponse, error) {
	return call(ctx, c, c.ops.GetParked, &opsv1.GetParkedRequest{Id: id, Zone: zoneOf(options)}, nil)
}

// RedriveParked applies the parked event's room again, from the committed state.
func (c *Client) RedriveParked(ctx context.Context, id int64, options ...OpsOption) (*Parked, error) {
	a, err := call(ctx, c, c.ops.RedriveParked, &opsv1.RedriveParkedRequest{Id: id, Zone: zoneOf(options)}, nil)
	return a.GetParked(), err
}

// TraceRoom shows when the room's last changes passed each station; limit 0 is the server's choice.
func (c *Client) TraceRoom(ctx context.Context, room int64, limit int32, options ...OpsOption) (*Trace, error) {
	return call(ctx, c, c.ops.TraceRoom, &opsv1.TraceRoomRequest{Id: room, Limit: limit, Zone: zoneOf(options)}, nil)
}

// ListHot lists the rooms that a crowd reads now from the node that is asked, the most read first.
func (c *Client) ListHot(ctx context.Context, options ...OpsOption) (*HotRooms, error) {
	return call(ctx, c, c.ops.ListHot, &opsv1.ListHotRequest{Zone: zoneOf(options)}, nil)
}

// Rebuild starts a rebuild of the viewers' database, or finds the one that runs.
func (c *Client) Rebuild(ctx context.Context, options ...OpsOption) (*RebuildProgress, error) {
	return call(ctx, c, c.ops.Rebuild, &opsv1.RebuildRequest{Zone: zoneOf(options)}, nil)
}

// RebuildProgress says how far it is.
func (c *Client) RebuildProgress(ctx context.Context, options ...OpsOption) (*RebuildProgress, error) {
	return call(ctx, c, c.ops.GetRebuild, &opsv1.GetRebuildRequest{Zone: zoneOf(options)}, nil)
}

// ListZones says how every zone stands, the home zone first. One that nobody answers for is listed with the reason.
func (c *Client) ListZones(ctx context.Context) ([]*ViewerZone, error) {
	a, err := call(ctx, c, c.ops.ListZones, &opsv1.ListZonesRequest{}, nil)
	return a.GetZones(), err
}

// DrainZone moves a zone's readers away, or lets them back. The reason is for the zone's log.
func (c *Client) DrainZone(ctx context.Context, zone string, drained bool, reason string) (*ViewerZone, error) {
	return call(ctx, c, c.ops.DrainZone, &opsv1.DrainZoneRequest{Zone: zone, Drained: drained, Reason: reason}, nil)
}
