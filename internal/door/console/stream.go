package console

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

const (
	// gap is the least time between two looks: a storm of changes is one picture.
	gap = 100 * time.Millisecond
	// beat is the most: it carries the freshness, shows what no event announces (a change reaching
	// L1), and tells both ends that the other is there.
	beat = time.Second
	// patience is how long a client may take to accept what is sent; a slower one is cut.
	patience = 10 * time.Second
)

// pace calls look at once, then for every pulse but at most once per gap, and at least once per
// beat, until ctx or the pulses end or look fails. Pulses during the gap are one look after it.
func pace(ctx context.Context, pulses <-chan struct{}, look func() error) error {
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for {
		if err := look(); err != nil {
			return err
		}
		rest := time.NewTimer(gap)
		select {
		case <-ctx.Done():
			rest.Stop()
			return nil
		case <-rest.C:
		}
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-pulses:
			if !open {
				return nil
			}
		case <-beats.C:
		}
	}
}

// stream is an open text/event-stream. It sends a part only when it differs from what it sent before.
type stream struct {
	w    http.ResponseWriter
	ctl  *http.ResponseController
	sent map[string]string
	out  bytes.Buffer
}

// follow opens a stream and keeps it until the client leaves. OVERLOADED when too many are open.
func (c *Console) follow(w http.ResponseWriter, r *http.Request, look func(*stream) error) error {
	select {
	case c.streams <- struct{}{}:
		defer func() { <-c.streams }()
	default:
		return fault.Overloaded.New("too many pages are open already")
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx in front must not hold events back
	s := &stream{w: w, ctl: http.NewResponseController(w), sent: map[string]string{}}
	// The server's deadline is for pages; a stream has one for each part, set when it is sent.
	_ = s.ctl.SetWriteDeadline(time.Time{})
	ctx := r.Context()
	err := pace(ctx, c.Board.Updates(ctx), func() error {
		if err := look(s); err != nil {
			return err
		}
		return s.flush()
	})
	if err != nil && ctx.Err() == nil {
		// The answer has begun, an error page cannot follow. The browser reconnects.
		c.Log.Warn("console: stream ended", "request_id", requestID(ctx), "path", r.URL.Path, "error", err)
	}
	return nil
}

// put queues a part unless it is what the client has already.
func (s *stream) put(name string, html []byte) {
	if old, ok := s.sent[name]; ok && old == string(html) {
		return
	}
	s.sent[name] = string(html)
	s.say(name, html)
}

// say queues an event.
func (s *stream) say(name string, html []byte) {
	s.out.WriteString("event: " + name + "\n")
	// A carriage return would end the line, too.
	for line := range bytes.SplitSeq(bytes.ReplaceAll(html, []byte("\r"), nil), []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			s.out.WriteString("data: ")
			s.out.Write(line)
			s.out.WriteByte('\n')
		}
	}
	s.out.WriteString("data:\n\n") // an event without data would not be one
}

func (s *stream) flush() error {
	if s.out.Len() == 0 {
		return nil
	}
	// Not every ResponseWriter knows deadlines (tests, wrappers); then the server's own holds.
	_ = s.ctl.SetWriteDeadline(time.Now().Add(patience))
	_, err := s.w.Write(s.out.Bytes())
	s.out.Reset()
	if err != nil {
		return err
	}
	err = s.ctl.Flush()
	_ = s.ctl.SetWriteDeadline(time.Time{}) // HTTP/2 would end a stream that is merely quiet
	return err
}
