package feed_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// TestACursorOfANodeThatIsAhead: a subscriber that is moved to another node brings a cursor which that one comes to in
// a moment.
func TestACursorOfANodeThatIsAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := filled(10, 100)
		for seq := ident.FeedSeq(11); seq <= 13; seq++ {
			time.AfterFunc(time.Duration(seq-10)*100*time.Millisecond, func() { h.Advance(frames(seq, seq), seq) })
		}
		began := time.Now()
		if got := drain(t, watch(t, h, 12, feed.Filter{}), 13); len(got) != 1 || got[0] != 13 {
			t.Errorf("it was given %v", got)
		}
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("the next event came after %s", took)
		}
	})
}

// TestACursorThatIsNoPlace: how long Watch takes to say so, and when it cannot know.
func TestACursorThatIsNoPlace(t *testing.T) {
	for name, tc := range map[string]struct {
		age    time.Duration // of the proof
		cursor ident.FeedSeq
		code   *fault.Code
		within time.Duration
	}{
		"near":                  {time.Second, 11, fault.InvalidArgument, 500 * time.Millisecond},
		"nobody is that far":    {time.Second, 1 << 40, fault.InvalidArgument, 0},
		"the node is behind":    {time.Hour, 11, fault.NotReady, 500 * time.Millisecond},
		"by more than a little": {time.Hour, 1 << 20, fault.NotReady, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				proven := time.Now().Add(-tc.age)
				h := feed.New(feed.Config{Store: newStore(), Proven: func() (ident.FeedSeq, time.Time) { return 10, proven }})
				h.Advance(nil, 10)
				began := time.Now()
				_, err := h.Watch(t.Context(), tc.cursor, feed.Filter{})
				if !errors.Is(err, tc.code) || fault.Of(err).Details["end"] != "10" {
					t.Errorf("got %v, %v", err, fault.Of(err).Details)
				}
				if took := time.Since(began); took != tc.within {
					t.Errorf("it took %s, want %s", took, tc.within)
				}
			})
		})
	}
}

// TestWhoLeavesDoesNotWait for a cursor.
func TestWhoLeavesDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := filled(10, 100)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if _, err := h.Watch(ctx, 11, feed.Filter{}); err == nil || time.Since(began) > 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
