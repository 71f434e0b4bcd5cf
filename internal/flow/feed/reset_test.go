package feed_test

import (
	"context"
	"errors"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

// TestAnotherLogIsNoticedHoweverFarItGrew: its numbers mean other events, also when they are as high again.
func TestAnotherLogIsNoticedHoweverFarItGrew(t *testing.T) {
	for name, change := range map[string]func(*feed.Hub){
		"longer":      func(h *feed.Hub) { h.Reset(4); h.Advance(frames(5, 20), 20) },
		"as long":     func(h *feed.Hub) { h.Reset(4); h.Advance(frames(5, 10), 10) },
		"twice":       func(h *feed.Hub) { h.Reset(4); h.Reset(12) },
		"and further": func(h *feed.Hub) { h.Reset(4); h.Reset(12); h.Advance(frames(13, 20), 20) },
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := filled(10, 100)
			w := watch(t, h, 10, feed.Filter{})
			change(h)
			for range 2 { // and not only the first time
				if _, err := w.Until(t.Context(), 100); !errors.Is(err, fault.CursorExpired) {
					t.Errorf("got %v", err)
				}
			}
			if w.Near() {
				t.Error("it passes for near")
			}
			if end, _ := h.End(); len(drain(t, watch(t, h, end, feed.Filter{}), end)) != 0 {
				t.Error("who begins after the change is troubled by it")
			}
		})
	}
}

// TestAnotherLogIsNoticedWhileItIsRead: what the store returns then are its events.
func TestAnotherLogIsNoticedWhileItIsRead(t *testing.T) {
	s := &swapped{store: newStore()}
	s.put(frames(1, 20)...)
	h := feed.New(feed.Config{Store: s, MaxFrames: 1})
	h.Advance(nil, 10)
	w := watch(t, h, 5, feed.Filter{})
	s.onRead = func() { h.Reset(0); h.Advance(nil, 20) }
	if got, err := w.Until(t.Context(), 10); !errors.Is(err, fault.CursorExpired) || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

// swapped is a store that something happens to while it is read.
type swapped struct {
	*store
	onRead func()
}

func (s *swapped) Frames(ctx context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	s.onRead()
	return s.store.Frames(ctx, after, limit)
}
