package queryapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// heartbeat keeps proxies from closing a quiet event stream; common ones do after 30 to 60 s.
const heartbeat = 15 * time.Second

// watch answers GET /v1/feed: events as they come, until the client leaves or the server stops.
func (s *HTTP) watch(ctx *fasthttp.RequestCtx, within context.Context) error {
	after, filter, err := feedQuery(ctx)
	if err != nil {
		return err
	}
	w, err := s.Feed.Watch(within, after, filter)
	if err != nil {
		return err
	}
	if s.feeds.Add(1) > maxFeeds {
		s.feeds.Add(-1)
		return tooManyFeeds()
	}
	sse := bytes.Contains(ctx.Request.Header.Peek("Accept"), []byte("text/event-stream"))
	out := &stream{server: s, watcher: w, conn: ctx.Conn(), sse: sse}
	out.requestID = requestID(string(ctx.Request.Header.Peek("X-Request-Id")))
	h := &ctx.Response.Header
	h.SetContentType("application/x-ndjson")
	if sse {
		h.SetContentType("text/event-stream")
	}
	h.SetCanonical(headerCacheControl, neverStored)
	h.Set("X-Accel-Buffering", "no") // nginx in front would hold events back until its buffer is full
	ctx.SetConnectionClose()
	ctx.Response.ImmediateHeaderFlush = true
	ctx.SetBodyStreamWriter(out.run)
	return nil
}

// feedQuery reads cursor and filter. Last-Event-ID goes before the URL: an EventSource that
// reconnects sends both, and the URL still has the cursor it began with.
func feedQuery(ctx *fasthttp.RequestCtx) (ident.FeedSeq, feed.Filter, error) {
	var f feed.Filter
	if err := params(ctx, "after", "rooms", "types"); err != nil {
		return 0, f, err
	}
	after, err := optional(ctx, "after")
	if err != nil {
		return 0, f, err
	}
	if last := ctx.Request.Header.Peek("Last-Event-ID"); len(last) > 0 && string(last) != "0" {
		var ok bool
		if after, ok = number(last); !ok {
			return 0, f, invalid("Last-Event-ID", "Last-Event-ID is a cursor, a number")
		}
	}
	if f.Rooms, err = roomIDs(ctx, "rooms", feed.MaxRooms); err != nil {
		return 0, f, err
	}
	if types := ctx.QueryArgs().Peek("types"); len(types) > 0 {
		if bytes.Count(types, []byte{','}) >= len(event.Registry) {
			return 0, f, invalid("types", "more types than there are")
		}
		for t := range bytes.SplitSeq(types, []byte{','}) {
			f.Types = append(f.Types, event.Type(t))
		}
	}
	return ident.FeedSeq(after), f, nil
}

func tooManyFeeds() error {
	return fault.Overloaded.New("%d feeds are being followed already", maxFeeds)
}

// stream is one client that follows the feed.
type stream struct {
	server    *HTTP
	watcher   *feed.Watcher
	conn      net.Conn
	sse       bool
	requestID string
}

// run writes until the client leaves, the feed fails or the server stops.
func (o *stream) run(w *bufio.Writer) {
	defer o.server.feeds.Add(-1)
	ctx, cancel := context.WithCancel(o.server.serving)
	defer cancel()
	defer o.hear(cancel)()
	if o.sse {
		w.WriteString("retry: 1000\n\n")
	}
	for o.flush(w) == nil {
		frames, err := o.next(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, context.DeadlineExceeded):
			w.WriteString(": still here\n\n")
		case err != nil:
			o.end(w, err)
			return
		}
		for i := range frames {
			o.write(w, &frames[i])
		}
	}
}

// next waits for events, with SSE no longer than until a heartbeat is due.
func (o *stream) next(ctx context.Context) ([]feed.Frame, error) {
	if !o.sse {
		return o.watcher.Next(ctx)
	}
	beat, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	return o.watcher.Next(beat)
}

func (o *stream) write(w *bufio.Writer, f *feed.Frame) {
	if !o.sse {
		w.Write(f.JSON)
		w.WriteByte('\n')
		return
	}
	w.WriteString("id: ")
	w.WriteString(f.Seq.String())
	w.WriteString("\nevent: ")
	w.WriteString(string(f.Type))
	w.WriteString("\ndata: ")
	w.Write(f.JSON)
	w.WriteString("\n\n")
}

// end tells the client why, as the last line: the status was sent long ago.
func (o *stream) end(w *bufio.Writer, err error) {
	f := fault.Of(err)
	logFault(o.server.Log, f, o.requestID)
	if o.sse {
		w.WriteString("event: error\ndata: ")
	}
	w.Write(f.Envelope(o.requestID))
	if o.sse {
		w.WriteByte('\n')
	}
	_ = o.flush(w) // it is over either way
}

func (o *stream) flush(w *bufio.Writer) error {
	o.server.allowWrite(o.conn)
	return w.Flush()
}

// hear notices that the client left: nothing is written to a quiet feed, and without an ear on
// the connection its goroutines would wait for the next event. It returns how to stop hearing.
func (o *stream) hear(left context.CancelFunc) (stop func()) {
	done := make(chan struct{})
	_ = o.conn.SetReadDeadline(time.Time{})
	go func() {
		defer close(done)
		defer left()
		// A client has nothing more to say here: whatever arrives, or the end, ends the feed.
		var b [1]byte
		_, _ = o.conn.Read(b[:])
	}()
	return func() {
		_ = o.conn.SetReadDeadline(time.Unix(1, 0))
		<-done
	}
}

// allowWrite gives the next part of a long answer its own time; a client that does not take it is cut.
func (s *HTTP) allowWrite(c net.Conn) {
	_ = c.SetWriteDeadline(time.Now().Add(s.patience))
}
