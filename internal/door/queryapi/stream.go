package queryapi

import (
	"bytes"
	"context"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// Bounds of the parameter heartbeat. More often than every second proves nothing more: the views are
// proven as often.
const (
	shortestBeat = time.Second
	longestBeat  = time.Minute
)

// watch answers GET /v1/feed: events as they come, until the client leaves or the server stops.
func (s *HTTP) watch(ctx *fasthttp.RequestCtx, within context.Context) error {
	if err := params(ctx, "after", "rooms", "types", "heartbeat"); err != nil {
		return err
	}
	rooms, err := roomIDs(ctx, "rooms", feed.MaxRooms, nil)
	if err != nil {
		return err
	}
	return s.stream(ctx, within, rooms)
}

// roomEvents answers GET /v1/rooms/{id}/events: the feed of one room.
func (s *HTTP) roomEvents(id string) answerer {
	return func(ctx *fasthttp.RequestCtx, within context.Context) error {
		if err := params(ctx, "after", "types", "heartbeat"); err != nil {
			return err
		}
		n, ok := number([]byte(id))
		if !ok {
			return invalid("id", "a room id is a positive number")
		}
		if _, err := s.Rooms.Get(within, ident.RoomID(n), 0); err != nil {
			return err // one who follows a room that is none would wait for ever
		}
		return s.stream(ctx, within, []ident.RoomID{ident.RoomID(n)})
	}
}

// stream checks the request and takes its connection away from fasthttp, whose buffers and goroutine
// cost fifty times what a follower needs.
func (s *HTTP) stream(ctx *fasthttp.RequestCtx, within context.Context, rooms []ident.RoomID) error {
	f, err := s.newFollower(ctx, within, rooms)
	if err != nil {
		return err
	}
	if !ctx.IsHead() {
		if f.place, err = s.feedPlace(ctx); err != nil {
			return err
		}
	}
	h := &ctx.Response.Header
	h.SetContentType(f.shape.contentType())
	h.SetCanonical(headerCacheControl, neverStored)
	h.Set("X-Accel-Buffering", "no") // nginx in front would hold events back until its buffer is full
	if ctx.IsHead() {
		return nil
	}
	// The answer ends with its connection: chunks would give each event one more frame around it, and an
	// event that was cut off is known by its missing end.
	const untilClosed = -2
	h.SetContentLength(untilClosed)
	head := append(h.AppendBytes(nil), f.shape.opening()...)
	conn := ctx.Conn()
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(net.Conn) { s.push.follow(s.serving, conn, f, head) })
	return nil
}

func (s *HTTP) newFollower(ctx *fasthttp.RequestCtx, within context.Context, rooms []ident.RoomID) (*follower, error) {
	after, err := cursor(ctx)
	if err != nil {
		return nil, err
	}
	types, err := eventTypes(ctx)
	if err != nil {
		return nil, err
	}
	beat, err := heartbeatEvery(ctx)
	if err != nil {
		return nil, err
	}
	w, err := s.Feed.Watch(within, after, feed.Filter{Rooms: rooms, Types: types})
	if err != nil {
		return nil, err
	}
	if err := s.push.room(w); err != nil {
		return nil, err
	}
	f := &follower{Watcher: *w, shape: shape{beat: beat}}
	f.shape.sse = bytes.Contains(ctx.Request.Header.Peek("Accept"), []byte("text/event-stream"))
	f.requestID = string(ctx.Request.Header.Peek("X-Request-Id"))
	return f, nil
}

// cursor reads where to begin. Last-Event-ID goes before the URL: an EventSource that reconnects sends
// both, and the URL still has the cursor it began with.
func cursor(ctx *fasthttp.RequestCtx) (ident.FeedSeq, error) {
	after, err := optional(ctx, "after")
	if err != nil {
		return 0, err
	}
	if last := ctx.Request.Header.Peek("Last-Event-ID"); len(last) > 0 && string(last) != "0" {
		var ok bool
		if after, ok = number(last); !ok {
			return 0, invalid("Last-Event-ID", "Last-Event-ID is a cursor, a number")
		}
	}
	return ident.FeedSeq(after), nil
}

func eventTypes(ctx *fasthttp.RequestCtx) (out []event.Type, err error) {
	types := ctx.QueryArgs().Peek("types")
	if len(types) == 0 {
		return nil, nil
	}
	if bytes.Count(types, []byte{','}) >= len(event.Registry) {
		return nil, invalid("types", "more types than there are")
	}
	for t := range bytes.SplitSeq(types, []byte{','}) {
		out = append(out, event.Type(t))
	}
	return out, nil
}

// heartbeatEvery reads how often the client wants to be told that nothing happened, in seconds; 0 is never.
func heartbeatEvery(ctx *fasthttp.RequestCtx) (int, error) {
	given := ctx.QueryArgs().Peek("heartbeat")
	if len(given) == 0 {
		return 0, nil
	}
	every, err := time.ParseDuration(string(given))
	if err != nil || every < shortestBeat || every > longestBeat || every%time.Second != 0 {
		return 0, invalid("heartbeat", "heartbeat is a whole number of seconds, from 1s to 60s")
	}
	return int(every / time.Second), nil
}

func tooManyFeeds(most int) error {
	return fault.Overloaded.New("%d feeds are being followed already", most)
}
