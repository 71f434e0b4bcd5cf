package greenroom_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// feedTo is a node that knows the log up to end. Each connection breaks off after some events, in the midst of one,
// or goes quiet: quiet ones stay open without another word.
func feedTo(end *atomic.Int64, few int64, quiet bool) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		if err != nil { // /readyz
			return says(200, "")(r)
		}
		if after > end.Load() {
			return says(400, fmt.Sprintf(`{"error":{"code":"INVALID_ARGUMENT","message":"m","details":{"field":"after","end":"%d"},"request_id":"r"}}`, end.Load()))(r)
		}
		var lines bytes.Buffer
		for seq := after + 1; seq <= min(end.Load(), after+few); seq++ {
			_, _ = fmt.Fprintf(&lines, "{\"feed_seq\":\"%d\",\"room_id\":\"7\",\"epoch\":\"e\",\"type\":\"RoomRenamed\",\"snapshot\":{\"id\":\"7\",\"version\":\"%d\"}}\n", seq, seq)
		}
		body := io.MultiReader(&lines, bytes.NewReader([]byte(`{"feed_seq":"9`)), broken{})
		if quiet {
			body = io.MultiReader(&lines, silence{r})
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
	}
}

// silence says nothing until the client goes away.
type silence struct{ r *http.Request }

func (s silence) Read([]byte) (int, error) {
	<-s.r.Context().Done()
	return 0, s.r.Context().Err()
}

// unhurried is the usual backoff: a bubble's time costs nothing.
var unhurried = greenroom.Backoff(100*time.Millisecond, 2*time.Second)

func upTo(n int64) *atomic.Int64 {
	end := &atomic.Int64{}
	end.Store(n)
	return end
}

// The cursor goes with the reader, from a node that breaks to one that is behind, to one that refuses, into the
// other zone: each event comes once, in order.
func TestAFeedGoesOnAtAnotherNode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNodes()
		n.is(feedTo(upTo(200), 7, false), "a1")
		n.is(feedTo(upTo(90), 5, false), "a2") // behind
		n.is(feedTo(upTo(200), 11, true), "b1")
		c := n.client(unhurried, greenroom.Monotonic(1))
		next := int64(1)
		for e, err := range c.Feed(t.Context(), greenroom.FeedQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.GetFeedSeq() != next {
				t.Fatalf("event %d, want %d", e.GetFeedSeq(), next)
			}
			switch next++; next {
			case 120:
				n.is(refuses, "a1")
			case 160:
				n.is(feedTo(upTo(200), 7, false), "a1", "a2")
			}
			if next > 200 {
				break
			}
		}
		if asked := n.heard(); next != 201 || asked["a2"] < 10 || asked["b1"] == 0 {
			t.Errorf("%d events, asked %v", next-1, asked)
		}
		n.is(room(199), "a1", "a2", "b1")
		if _, err := c.GetRoom(t.Context(), 7); !greenroom.HasCode(err, "NOT_YET_VISIBLE") {
			t.Errorf("a room is older than its last event: %v", err)
		}
	})
}

func TestACursorThatNoNodeKnowsEndsTheFeed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNodes()
		end := upTo(9)
		n.is(feedTo(end, 9, false), "a1", "a2", "b1")
		c := n.client(unhurried)
		began := time.Now()
		var last error
		events := 0
		for e, err := range c.Feed(t.Context(), greenroom.FeedQuery{}) {
			if last = err; e != nil {
				events++
			}
			end.Store(5) // the log was put back to a backup
		}
		if events != 9 || !greenroom.HasCode(last, "INVALID_ARGUMENT") {
			t.Errorf("%d events, then %v", events, last)
		}
		if asked, took := n.heard(), time.Since(began); took < time.Minute || took > 2*time.Minute || asked["a1"]*asked["a2"]*asked["b1"] == 0 {
			t.Errorf("asked %v in %v", asked, took)
		}
	})
}

func TestAFeedLeavesADrainedNode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNodes()
		var at string
		serve := func(host string, ready int) {
			n.is(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/readyz" {
					return &http.Response{StatusCode: ready, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
				}
				at = host
				reader, writer := io.Pipe()
				go func() { // an event each 100 ms, until the reader goes
					pace := time.NewTicker(100 * time.Millisecond)
					defer pace.Stop()
					after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
					for {
						after++
						if _, err := fmt.Fprintf(writer, "{\"feed_seq\":\"%d\",\"epoch\":\"e\"}\n", after); err != nil {
							return
						}
						<-pace.C
					}
				}()
				return &http.Response{StatusCode: 200, Body: reader, Header: http.Header{}, Request: r}, nil
			}, host)
		}
		for _, host := range []string{"a1", "a2", "b1"} {
			serve(host, 200)
		}
		var first string
		next, left := int64(1), int64(0)
		for e, err := range n.client(unhurried).Feed(t.Context(), greenroom.FeedQuery{}) {
			if err != nil || e.GetFeedSeq() != next {
				t.Fatal(e, err)
			}
			next++
			switch {
			case next == 20:
				first = at
				serve(first, 503)
			case next > 20 && at != first:
				left = next
			}
			if left > 0 || next > 100 {
				break
			}
		}
		if left == 0 || left > 35 {
			t.Errorf("drained after event 20, left after %d", left)
		}
	})
}

// A connection over which nothing comes any more, not even a heartbeat, is given up.
func TestASilentFeedIsPickedUpElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNodes()
		n.is(feedTo(upTo(3), 3, true), "a1")
		n.is(hangs, "a2")
		n.is(feedTo(upTo(6), 3, true), "b1")
		began := time.Now()
		for e, err := range n.client(unhurried).Feed(t.Context(), greenroom.FeedQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.GetFeedSeq() == 6 {
				break
			}
		}
		if took := time.Since(began); took > 5*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}
