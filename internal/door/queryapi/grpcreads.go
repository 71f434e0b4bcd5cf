package queryapi

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func (s *GRPC) getRoom(ctx context.Context, req *roomv1.GetRoomRequest) (out encoded, err error) {
	if err := positive("id", req.GetId()); err != nil {
		return out, err
	}
	m, err := readMask(req.GetReadMask())
	if err != nil {
		return out, err
	}
	var version int64
	if text := first(ctx, "x-room-min-version"); text != "" {
		var ok bool
		if version, ok = number([]byte(text)); !ok {
			return out, invalid("x-room-min-version", "x-room-min-version is a version, a positive number")
		}
	}
	id := ident.RoomID(req.GetId())
	look := s.Rooms.Look()
	e, resident := s.Rooms.Lookup(id)
	if !resident || version > 0 {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		if e, err = s.Rooms.Get(within, id, ident.Version(version)); err != nil {
			return out, err
		}
	}
	s.fresh(ctx, look.Age(e), "x-room-version", string(e.VersionText()))
	if m == nil {
		return encoded{shared: e.Proto}, nil
	}
	out = buffer(len(e.Proto))
	*out.own = m.appendAnswer(*out.own, e)
	return out, nil
}

func (s *GRPC) batchGetRooms(ctx context.Context, req *roomv1.BatchGetRoomsRequest) (out encoded, err error) {
	if len(req.GetIds()) == 0 {
		return out, invalid("ids", "ids names the rooms")
	}
	if err := positive("ids", req.GetIds()...); err != nil {
		return out, err
	}
	m, err := readMask(req.GetReadMask())
	if err != nil {
		return out, err
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	b := s.space.get()
	defer s.space.put(b)
	b.batch.IDs = appendRoomIDs(b.batch.IDs, req.GetIds())
	look := s.Rooms.Look()
	if err := s.Rooms.Batch(within, &b.batch); err != nil {
		return out, err
	}
	if len(b.batch.Found) > 0 {
		s.fresh(ctx, look.Oldest(b.batch.Found))
	}
	out = joinAnswers(b.batch.Found, m, 16+11*len(b.batch.Missing))
	*out.own = appendPacked(*out.own, 2, b.batch.Missing)
	return out, nil
}

func (s *GRPC) listAnchorRooms(ctx context.Context, req *roomv1.ListAnchorRoomsRequest) (out encoded, err error) {
	if err := positive("anchor_id", req.GetAnchorId()); err != nil {
		return out, err
	}
	m, err := readMask(req.GetReadMask())
	if err != nil {
		return out, err
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	look := s.Rooms.Look()
	rooms, err := s.Rooms.ByAnchor(within, ident.AnchorID(req.GetAnchorId()))
	if err != nil {
		return out, err
	}
	if len(rooms) > 0 {
		s.fresh(ctx, look.Oldest(rooms))
	}
	return joinAnswers(rooms, m, 0), nil
}

func (s *GRPC) listLive(ctx context.Context, req *roomv1.ListLiveRequest) (out encoded, err error) {
	sort, ok := query.ParseSort(req.GetSort())
	if !ok {
		return out, invalid("sort", "sort is online or started")
	}
	if req.GetAreaId() < 0 {
		return out, invalid("area_id", "area_id is a number, not negative")
	}
	m, err := readMask(req.GetReadMask())
	if err != nil {
		return out, err
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	look := s.Rooms.Look()
	page, err := s.Rooms.Live(within, query.LiveQuery{
		Area: ident.AreaID(req.GetAreaId()), Tag: req.GetTag(), Language: req.GetLanguage(), Sort: sort,
		PageSize: int(req.GetPageSize()), PageToken: req.GetPageToken(),
	})
	if err != nil {
		return out, err
	}
	if len(page.Rooms) > 0 {
		s.fresh(ctx, look.Oldest(page.Rooms))
	}
	out = joinAnswers(page.Rooms, m, 16+len(page.Next)+len(page.Snapshot))
	*out.own = appendText(*out.own, 2, page.Next)
	*out.own = appendText(*out.own, 3, page.Snapshot)
	if page.Total >= 0 {
		*out.own = protowire.AppendVarint(protowire.AppendTag(*out.own, 4, protowire.VarintType), uint64(page.Total))
	}
	return out, nil
}

// ListLiveIds sends the live set in parts.
func (s *GRPC) ListLiveIds(_ *roomv1.ListLiveIdsRequest, out grpc.ServerStreamingServer[roomv1.ListLiveIdsResponse]) error {
	ids, err := s.Rooms.LiveIDs()
	if err != nil {
		return err
	}
	for part, err := range ids {
		if err != nil {
			return err
		}
		var m roomv1.ListLiveIdsResponse
		for _, id := range part {
			m.Ids = append(m.Ids, int64(id))
		}
		if err := s.send(func() error { return out.Send(&m) }); err != nil {
			return err
		}
	}
	return nil
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
	filter := feed.Filter{Rooms: appendRoomIDs(nil, req.GetRooms())}
	for _, t := range req.GetTypes() {
		filter.Types = append(filter.Types, event.Type(t))
	}
	defer s.feeds.Add(-1)
	if s.feeds.Add(1) > maxWatches {
		return tooManyFeeds(maxWatches)
	}
	place, err := s.feedPlace(out.Context())
	if err != nil {
		return err
	}
	defer place.Leave()
	s.Feed.Audience().Following.Add(1)
	defer s.Feed.Audience().Following.Add(-1)
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
		if err := s.send(func() error { return s.sendFrames(out, frames) }); err != nil {
			return err
		}
	}
}

// send gives up on a client that does not take what it asked for. Flow control would let it hold its
// place for ever, and no deadline of the connection sees it: the connection is read, the stream is not.
// The send that is left behind ends when the caller returns, as that ends the stream.
func (s *GRPC) send(write func() error) error {
	sent := make(chan error, 1)
	go func() { sent <- write() }()
	late := time.NewTimer(s.patience)
	defer late.Stop()
	select {
	case err := <-sent:
		return err
	case <-late.C:
		return fault.DeadlineExceeded.New("the client does not read what it asked for")
	}
}

// joinAnswers is the list of rooms of any answer that has it in field 1, see query.Entry.Proto, with
// space for more bytes behind it.
func joinAnswers(rooms []*query.Entry, m mask, more int) encoded {
	n := more
	for _, e := range rooms {
		n += len(e.Proto)
	}
	out := buffer(n)
	for _, e := range rooms {
		*out.own = m.appendAnswer(*out.own, e)
	}
	return out
}

// appendPacked appends a repeated int64 field.
func appendPacked(b []byte, field protowire.Number, ids []ident.RoomID) []byte {
	if len(ids) == 0 {
		return b
	}
	size := 0
	for _, id := range ids {
		size += protowire.SizeVarint(uint64(id))
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(size))
	for _, id := range ids {
		b = protowire.AppendVarint(b, uint64(id))
	}
	return b
}

func appendText(b []byte, field protowire.Number, text string) []byte {
	if text == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), text)
}
