// Package sourceapi is the B side's door for the zones: it serves project.Source, B's committed state and log.
//
// Every call only reads, any process of the B side answers it alike, and what is answered was committed. Pages are
// bounded by what was asked for and by their bytes, so a short page is not the last one; an empty one is. The
// door holds no rules and no state; internalapi stands around it.
package sourceapi

import (
	"context"

	"google.golang.org/grpc"

	sourcev1 "github.com/greenroomlive/greenroom/api/gen/greenroom/source/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// maxLimit bounds a page, in rooms or events.
const maxLimit = 1000

// Door serves greenroom.source.v1.SourceService.
type Door struct {
	sourcev1.UnimplementedSourceServiceServer
	source Source
}

// Source is what the door serves: B's committed state and log.
type Source interface {
	project.Source
	project.PeopleSource
}

// New makes a door.
func New(source Source) *Door { return &Door{source: source} }

// Register is internalapi.Door.
func (d *Door) Register(r grpc.ServiceRegistrar) { sourcev1.RegisterSourceServiceServer(r, d) }

// Head says where the log stands.
func (d *Door) Head(ctx context.Context, _ *sourcev1.HeadRequest) (*sourcev1.HeadResponse, error) {
	h, err := d.source.Head(ctx)
	return headOf(h), err
}

// Events reads a page of the log.
func (d *Door) Events(ctx context.Context, req *sourcev1.EventsRequest) (*sourcev1.EventsResponse, error) {
	if err := bounded(req.GetAfter(), req.GetLimit()); err != nil {
		return nil, err
	}
	events, err := d.source.Events(ctx, ident.FeedSeq(req.GetAfter()), int(req.GetLimit()))
	if err != nil {
		return nil, err
	}
	out := &sourcev1.EventsResponse{}
	for i := 0; i < len(events) && len(out.Page) < wire.PageBytes; i++ {
		if out.Page, err = wire.AppendEntry(out.Page, &events[i]); err == nil {
			continue
		}
		placeholder := unreadable(&events[i])
		if out.Page, err = wire.AppendEntry(out.Page, &placeholder); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Snapshot reads one card.
func (d *Door) Snapshot(ctx context.Context, req *sourcev1.SnapshotRequest) (*sourcev1.SnapshotResponse, error) {
	card, found, err := d.source.Snapshot(ctx, ident.RoomID(req.GetRoomId()))
	if err != nil || !found {
		return &sourcev1.SnapshotResponse{}, err
	}
	body, err := wire.MarshalCard(&card)
	return &sourcev1.SnapshotResponse{Room: body}, err
}

// Snapshots reads a page of cards.
func (d *Door) Snapshots(ctx context.Context, req *sourcev1.SnapshotsRequest) (*sourcev1.SnapshotsResponse, error) {
	if err := bounded(req.GetAfter(), req.GetLimit()); err != nil {
		return nil, err
	}
	cards, err := d.source.Snapshots(ctx, ident.RoomID(req.GetAfter()), int(req.GetLimit()))
	if err != nil {
		return nil, err
	}
	out := &sourcev1.SnapshotsResponse{Rooms: make([][]byte, 0, len(cards))}
	for i, size := 0, 0; i < len(cards) && size < wire.PageBytes; i++ {
		body, err := wire.MarshalCard(&cards[i])
		if err != nil {
			return nil, err
		}
		out.Rooms = append(out.Rooms, body)
		size += len(body)
	}
	return out, nil
}

// Areas reads the tree.
func (d *Door) Areas(ctx context.Context, _ *sourcev1.AreasRequest) (*sourcev1.AreasResponse, error) {
	areas, version, err := d.source.Areas(ctx)
	return &sourcev1.AreasResponse{Areas: wire.Areas(areas), Version: int64(version)}, err
}

// Count counts the rooms.
func (d *Door) Count(ctx context.Context, _ *sourcev1.CountRequest) (*sourcev1.CountResponse, error) {
	n, err := d.source.Count(ctx)
	return &sourcev1.CountResponse{Rooms: n}, err
}

// bounded checks a page's two numbers.
func bounded(after int64, limit int32) error {
	switch {
	case after < 0:
		return fault.InvalidArgument.New("after: not a position").With("field", "after")
	case limit < 1:
		return fault.InvalidArgument.New("limit: at least 1").With("field", "limit")
	case limit > maxLimit:
		return fault.TooLarge.New("limit: at most %d", maxLimit).With("field", "limit")
	}
	return nil
}

// unreadable stands for an event whose stored copy is broken beyond encoding it again. It says whose it was and where
// it stood; the reader finds that it agrees with no checksum, and parks its room. An error instead would stop the log there.
func unreadable(e *event.RoomEvent) event.RoomEvent {
	return event.RoomEvent{RoomID: e.RoomID, Version: e.Version, PrevVersion: e.PrevVersion, Epoch: e.Epoch, FeedSeq: e.FeedSeq}
}
