package queryapi

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func (s *GRPC) getRoom(ctx context.Context, req *roomv1.GetRoomRequest) (encoded, error) {
	if err := positive("id", req.GetId()); err != nil {
		return nil, err
	}
	var version int64
	if text := first(ctx, "x-room-min-version"); text != "" {
		var ok bool
		if version, ok = number([]byte(text)); !ok {
			return nil, invalid("x-room-min-version", "x-room-min-version is a version, a positive number")
		}
	}
	id := ident.RoomID(req.GetId())
	e, resident := s.Rooms.Lookup(id)
	if !resident || version > 0 {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		var err error
		if e, err = s.Rooms.Get(within, id, ident.Version(version)); err != nil {
			return nil, err
		}
	}
	s.fresh(ctx, []*query.Entry{e}, "x-room-version", e.Version.String())
	return e.Proto, nil
}

func (s *GRPC) batchGetRooms(ctx context.Context, req *roomv1.BatchGetRoomsRequest) (encoded, error) {
	if len(req.GetIds()) == 0 {
		return nil, invalid("ids", "ids names the rooms")
	}
	if err := positive("ids", req.GetIds()...); err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	found, missing, err := s.Rooms.Batch(within, roomIDsOf(req.GetIds()))
	if err != nil {
		return nil, err
	}
	s.fresh(ctx, found)
	return appendMissing(joinProtos(found), missing), nil
}

func (s *GRPC) listAnchorRooms(ctx context.Context, req *roomv1.ListAnchorRoomsRequest) (encoded, error) {
	if err := positive("anchor_id", req.GetAnchorId()); err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	rooms, err := s.Rooms.ByAnchor(within, ident.AnchorID(req.GetAnchorId()))
	if err != nil {
		return nil, err
	}
	s.fresh(ctx, rooms)
	return joinProtos(rooms), nil
}

func (s *GRPC) listLive(ctx context.Context, req *roomv1.ListLiveRequest) (encoded, error) {
	sort, ok := query.ParseSort(req.GetSort())
	if !ok {
		return nil, invalid("sort", "sort is online or started")
	}
	if req.GetAreaId() < 0 {
		return nil, invalid("area_id", "area_id is a number, not negative")
	}
	page, err := s.Rooms.Live(query.LiveQuery{
		Area: ident.AreaID(req.GetAreaId()), Tag: req.GetTag(), Sort: sort,
		PageSize: int(req.GetPageSize()), PageToken: req.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	s.fresh(ctx, page.Rooms)
	b := joinProtos(page.Rooms)
	b = appendText(b, 2, page.Next)
	return appendText(b, 3, page.Snapshot), nil
}

// ListAreas is rare and small: it takes the generated way.
func (s *GRPC) ListAreas(ctx context.Context, _ *roomv1.ListAreasRequest) (*roomv1.ListAreasResponse, error) {
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	tree, err := s.Rooms.Areas(within)
	if err != nil {
		return nil, err
	}
	return &roomv1.ListAreasResponse{Areas: wire.Areas(tree.Areas)}, nil
}

// WatchFeed sends events until the client leaves or the server stops.
func (s *GRPC) WatchFeed(req *roomv1.WatchFeedRequest, out grpc.ServerStreamingServer[roomv1.RoomEvent]) error {
	if err := positive("rooms", req.GetRooms()...); err != nil {
		return err
	}
	filter := feed.Filter{Rooms: roomIDsOf(req.GetRooms())}
	for _, t := range req.GetTypes() {
		filter.Types = append(filter.Types, event.Type(t))
	}
	defer s.feeds.Add(-1)
	if s.feeds.Add(1) > maxFeeds {
		return tooManyFeeds()
	}
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	defer context.AfterFunc(s.serving, cancel)()
	w, err := s.Feed.Watch(ctx, ident.FeedSeq(req.GetAfter()), filter)
	if err != nil {
		return err
	}
	for {
		frames, err := w.Next(ctx)
		switch {
		case s.serving.Err() != nil:
			return notReady(errStopping)
		case err != nil:
			return err
		}
		if err := s.send(out, frames); err != nil {
			return err
		}
	}
}

// send gives up on a client that does not take what it asked for. Flow control would let it hold its
// place for ever, and no deadline of the connection sees it: the connection is read, the stream is not.
// The send that is left behind ends when the caller returns, as that ends the stream.
func (s *GRPC) send(out grpc.ServerStreamingServer[roomv1.RoomEvent], frames []feed.Frame) error {
	sent := make(chan error, 1)
	go func() {
		for i := range frames {
			if err := sendFrame(out, &frames[i]); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	late := time.NewTimer(s.patience)
	defer late.Stop()
	select {
	case err := <-sent:
		return err
	case <-late.C:
		return fault.DeadlineExceeded.New("the client does not read its feed")
	}
}

// sendFrame makes the message of a line: the feed keeps one encoding, and JSON is what most read.
func sendFrame(out grpc.ServerStreamingServer[roomv1.RoomEvent], f *feed.Frame) error {
	var m roomv1.RoomEvent
	if err := protojson.Unmarshal(f.JSON, &m); err != nil {
		return fmt.Errorf("queryapi: feed line %d: %w", f.Seq, err)
	}
	return out.Send(&m)
}

// joinProtos is the list of rooms of any answer that has it in field 1: see query.Entry.Proto.
func joinProtos(rooms []*query.Entry) encoded {
	n := 64
	for _, e := range rooms {
		n += len(e.Proto)
	}
	b := make(encoded, 0, n)
	for _, e := range rooms {
		b = append(b, e.Proto...)
	}
	return b
}

// appendMissing appends BatchGetRoomsResponse.missing, packed.
func appendMissing(b encoded, missing []ident.RoomID) encoded {
	if len(missing) == 0 {
		return b
	}
	var packed []byte
	for _, id := range missing {
		packed = protowire.AppendVarint(packed, uint64(id))
	}
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), packed)
}

func appendText(b encoded, field protowire.Number, text string) encoded {
	if text == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}
