package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is the feed table in a map.
type store struct {
	mu     sync.Mutex
	rows   map[ident.FeedSeq]feed.Frame
	oldest ident.FeedSeq
	err    error
	reads  int
	byRoom int
}

func newStore() *store { return &store{rows: map[ident.FeedSeq]feed.Frame{}, oldest: 1} }

func (s *store) Frames(_ context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	var last ident.FeedSeq
	for seq := range s.rows {
		last = max(last, seq)
	}
	var out []feed.Frame
	for seq := max(after+1, s.oldest); seq <= last && len(out) < limit; seq++ {
		if f, ok := s.rows[seq]; ok {
			out = append(out, f)
		}
	}
	return out, s.err
}

func (s *store) RoomFrames(_ context.Context, id ident.RoomID, after, to ident.FeedSeq, limit int) (out []feed.Frame, whole bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byRoom++
	if after+1 < s.oldest {
		return nil, false, s.err
	}
	for seq := after + 1; seq <= to && len(out) < limit; seq++ {
		f, ok := s.rows[seq]
		if !ok {
			return nil, false, s.err
		}
		if f.Room == id {
			out = append(out, f)
		}
	}
	return out, true, s.err
}

func (s *store) Oldest(context.Context) (ident.FeedSeq, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.oldest, s.err
}

func (s *store) put(frames ...feed.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range frames {
		s.rows[f.Seq] = f
	}
}

func (s *store) prune(oldest ident.FeedSeq) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.oldest = oldest
}

func (s *store) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func frame(seq ident.FeedSeq) feed.Frame {
	t := event.WentLive
	if seq%3 == 0 {
		t = event.LiveEnded
	}
	return feed.Frame{Seq: seq, Room: ident.RoomID(seq%5 + 1), Type: t, JSON: fmt.Appendf(nil, `{"feed_seq":"%d"}`, seq)}
}

func frames(from, to ident.FeedSeq) (out []feed.Frame) {
	for seq := from; seq <= to; seq++ {
		out = append(out, frame(seq))
	}
	return out
}

// filled is a hub whose feed ends at end, in a ring of size frames.
func filled(end ident.FeedSeq, size int) (*feed.Hub, *store) {
	s := newStore()
	s.put(frames(1, end)...)
	h := feed.New(feed.Config{Store: s, MaxFrames: size})
	h.Advance(nil, 0)
	h.Advance(frames(1, end), end)
	return h, s
}

func watch(t testing.TB, h *feed.Hub, after ident.FeedSeq, f feed.Filter) *feed.Watcher {
	t.Helper()
	w, err := h.Watch(context.Background(), after, f)
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	return w
}

// drain reads until the cursor is at end.
func drain(t rapid.TB, w *feed.Watcher, end ident.FeedSeq) (out []ident.FeedSeq) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for w.Cursor() < end {
		got, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("at cursor %d: %v", w.Cursor(), err)
		}
		for _, f := range got {
			if want := frame(f.Seq); string(f.JSON) != string(want.JSON) {
				t.Fatalf("event %d came as %s", f.Seq, f.JSON)
			}
			out = append(out, f.Seq)
		}
	}
	return out
}

func TestEachWatcherGetsEachEventOnceInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore()
		h := feed.New(feed.Config{Store: s, MaxFrames: rapid.IntRange(1, 8).Draw(t, "ring")})
		h.Advance(nil, 0)
		type watcher struct {
			*feed.Watcher
			from ident.FeedSeq
			got  []ident.FeedSeq
		}
		var watchers []*watcher
		var end, stored ident.FeedSeq
		waiting := map[ident.FeedSeq]bool{} // stored, not yet told
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0: // a watcher comes
				from := ident.FeedSeq(rapid.Int64Range(0, int64(end)).Draw(t, "cursor"))
				w, err := h.Watch(context.Background(), from, feed.Filter{})
				if err != nil {
					t.Fatalf("watch after %d of %d: %v", from, end, err)
				}
				watchers = append(watchers, &watcher{Watcher: w, from: from})
			case 1: // a watcher reads what there is for it
				if len(watchers) > 0 {
					w := rapid.SampledFrom(watchers).Draw(t, "reader")
					w.got = append(w.got, drain(t, w.Watcher, end)...)
				}
			default: // events are stored in any order; the hub hears of most of them
				for range rapid.IntRange(0, 6).Draw(t, "stored") {
					stored++
					waiting[stored] = true
				}
				var told []feed.Frame
				for _, seq := range rapid.Permutation(keys(waiting)).Draw(t, "order") {
					if rapid.IntRange(0, 3).Draw(t, "held back") == 0 {
						continue
					}
					s.put(frame(seq))
					delete(waiting, seq)
					if rapid.IntRange(0, 9).Draw(t, "untold") > 0 {
						told = append(told, frame(seq))
					}
				}
				for end < stored && !waiting[end+1] {
					end++
				}
				h.Advance(told, end)
			}
		}
		for _, w := range watchers {
			w.got = append(w.got, drain(t, w.Watcher, end)...)
			if len(w.got) != int(end-w.from) {
				t.Fatalf("after %d of %d: %v", w.from, end, w.got)
			}
			for i, seq := range w.got {
				if seq != w.from+1+ident.FeedSeq(i) {
					t.Fatalf("after %d of %d: %v", w.from, end, w.got)
				}
			}
		}
	})
}

func keys(m map[ident.FeedSeq]bool) []ident.FeedSeq {
	var out []ident.FeedSeq
	for seq := ident.FeedSeq(1); len(out) < len(m); seq++ {
		if m[seq] {
			out = append(out, seq)
		}
	}
	return out
}

func TestWatchersRaceTheProjector(t *testing.T) {
	const end = 3000
	s := newStore()
	h := feed.New(feed.Config{Store: s, MaxFrames: 64})
	h.Advance(nil, 0)
	var wg sync.WaitGroup
	for range 8 {
		w := watch(t, h, 0, feed.Filter{})
		wg.Go(func() {
			want := ident.FeedSeq(1)
			for want <= end {
				got, err := w.Next(context.Background())
				if err != nil {
					t.Errorf("at %d: %v", want, err)
					return
				}
				for _, f := range got {
					if f.Seq != want {
						t.Errorf("got %d, want %d", f.Seq, want)
						return
					}
					want++
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for at := ident.FeedSeq(0); at < end; {
		next := min(at+1+ident.FeedSeq(r.IntN(40)), end)
		s.put(frames(at+1, next)...)
		h.Advance(frames(at+1, next), next)
		at = next
	}
	wg.Wait()
}

func TestNothingBehindTheGapIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := filled(2, 100)
		w := watch(t, h, 2, feed.Filter{})
		s.put(frame(4))
		h.Advance(frames(4, 4), 2)
		got := make(chan []feed.Frame, 1)
		go func() {
			f, err := w.Next(t.Context())
			if err != nil {
				t.Errorf("next: %v", err)
			}
			got <- f
		}()
		synctest.Wait()
		select {
		case f := <-got:
			t.Fatalf("shown: %v", f)
		default:
		}
		s.put(frame(3))
		h.Advance(frames(3, 3), 4)
		if f := <-got; len(f) != 2 || f[0].Seq != 3 || f[1].Seq != 4 {
			t.Errorf("got %v", f)
		}
		if s.reads != 0 {
			t.Errorf("%d reads of the store: the early frame was not kept", s.reads)
		}
	})
}

func TestAFilterPassesOverTheRest(t *testing.T) {
	h, _ := filled(600, 100)
	w := watch(t, h, 0, feed.Filter{Rooms: []ident.RoomID{1}, Types: []event.Type{event.LiveEnded}})
	got := drain(t, w, 600)
	if len(got) != 40 { // multiples of 15
		t.Errorf("%d events: %v", len(got), got)
	}
	for _, seq := range got {
		if seq%15 != 0 {
			t.Errorf("event %d passed", seq)
		}
	}
}

// One room's history is found by index: what others did in between is not read.
func TestAWatcherOfOneRoomLeapsOverTheOthers(t *testing.T) {
	h, s := filled(3000, 10)
	w := watch(t, h, 0, feed.Filter{Rooms: []ident.RoomID{3, 3}})
	got := drain(t, w, 3000)
	if len(got) != 600 || got[0] != 2 || got[599] != 2997 {
		t.Errorf("%d events: %v", len(got), got)
	}
	if s.reads != 0 || s.byRoom > 4 {
		t.Errorf("%d reads of all rooms, %d of one", s.reads, s.byRoom)
	}
}

func TestAWatcherOfOneRoomIsToldOfAGapToo(t *testing.T) {
	h, s := filled(20, 3)
	gone, late := watch(t, h, 2, feed.Filter{Rooms: []ident.RoomID{1}}), watch(t, h, 9, feed.Filter{Rooms: []ident.RoomID{1}})
	s.prune(6)
	if _, err := gone.Next(t.Context()); !errors.Is(err, fault.CursorExpired) {
		t.Errorf("got %v", err)
	}
	s.mu.Lock()
	delete(s.rows, 12) // a store that is filled again
	s.mu.Unlock()
	if got, err := late.Next(t.Context()); err != nil || len(got) != 1 || got[0].Seq != 10 {
		t.Errorf("before the gap: %v, %v", got, err)
	}
	if _, err := late.Next(t.Context()); !errors.Is(err, fault.StoreUnavailable) || late.Cursor() != 11 {
		t.Errorf("at the gap: %v, cursor %d", err, late.Cursor())
	}
	s.put(frame(12))
	if got := drain(t, late, 20); len(got) != 2 {
		t.Errorf("afterwards: %v", got)
	}
}

func TestUntilStopsWhereItIsTold(t *testing.T) {
	h, _ := filled(600, 100)
	w := watch(t, h, 1, feed.Filter{})
	if w.Near() {
		t.Error("event 2 is not in memory")
	}
	for _, to := range []ident.FeedSeq{10, 520, 520, 1000} {
		for {
			got, err := w.Until(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 0 {
				break
			}
			if got[len(got)-1].Seq > to {
				t.Fatalf("event %d is beyond %d", got[len(got)-1].Seq, to)
			}
		}
		if w.Cursor() != min(to, 600) || w.Near() != (to > 100) {
			t.Errorf("the cursor is %d, want %d; near: %t", w.Cursor(), to, w.Near())
		}
	}
	w.Seek(590) // what was returned could not be handed on
	if got := drain(t, w, 600); len(got) != 10 {
		t.Errorf("again: %v", got)
	}
}

// All watchers share one piece of memory, whatever form they are sent.
func TestAFrameIsEncodedOnce(t *testing.T) {
	h, _ := filled(10, 5)
	for _, after := range []ident.FeedSeq{2, 9} { // from the store, from memory
		got, err := watch(t, h, after, feed.Filter{}).Until(t.Context(), after+1)
		if err != nil || len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
		f := got[0]
		if want := fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", f.Seq, f.Type, frame(f.Seq).JSON); string(f.Message()) != want {
			t.Errorf("message %q", f.Message())
		}
		if want := string(frame(f.Seq).JSON); string(f.Line()) != want+"\n" || string(f.JSON) != want {
			t.Errorf("line %q", f.Line())
		}
		at := bytes.Index(f.Message(), []byte("{"))
		if &f.Line()[0] != &f.Message()[at] || &f.JSON[0] != &f.Message()[at] {
			t.Error("the forms are copies")
		}
	}
	one, _ := watch(t, h, 9, feed.Filter{}).Until(t.Context(), 10)
	two, _ := watch(t, h, 9, feed.Filter{}).Until(t.Context(), 10)
	if &one[0].Message()[0] != &two[0].Message()[0] {
		t.Error("two watchers got two messages")
	}
}

func TestWhatAWatchRefuses(t *testing.T) {
	h, s := filled(10, 3)
	s.prune(5)
	for name, tc := range map[string]struct {
		after  ident.FeedSeq
		filter feed.Filter
		code   *fault.Code
		detail [2]string
	}{
		"a negative cursor":        {-1, feed.Filter{}, fault.InvalidArgument, [2]string{"field", "after"}},
		"a cursor beyond the end":  {11, feed.Filter{}, fault.InvalidArgument, [2]string{"field", "after"}},
		"a cursor that is too old": {3, feed.Filter{}, fault.CursorExpired, [2]string{"oldest", "5"}},
		"an unknown type":          {10, feed.Filter{Types: []event.Type{"RoomExploded"}}, fault.InvalidArgument, [2]string{"field", "types"}},
		"too many rooms":           {10, feed.Filter{Rooms: make([]ident.RoomID, 1001)}, fault.InvalidArgument, [2]string{"field", "rooms"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Watch(t.Context(), tc.after, tc.filter)
			if !errors.Is(err, tc.code) {
				t.Fatalf("got %v, want %s", err, tc.code.Name)
			}
			if got := fault.Of(err).Details[tc.detail[0]]; got != tc.detail[1] {
				t.Errorf("detail %s is %q, want %q", tc.detail[0], got, tc.detail[1])
			}
		})
	}
	if got := drain(t, watch(t, h, 0, feed.Filter{}), 10); len(got) != 6 || got[0] != 5 {
		t.Errorf("cursor 0 gave %v, want 5 to 10", got)
	}
	if got := drain(t, watch(t, h, 4, feed.Filter{}), 10); len(got) != 6 {
		t.Errorf("the oldest cursor gave %v, want 5 to 10", got)
	}
	if _, err := feed.New(feed.Config{Store: s}).Watch(t.Context(), 0, feed.Filter{}); !errors.Is(err, fault.NotReady) {
		t.Errorf("before the end is known: %v", err)
	}
}

func TestACursorBeyondAFeedThatIsBeingFilledMayBeRight(t *testing.T) {
	complete := false
	h := feed.New(feed.Config{Store: newStore(), Complete: func() bool { return complete }})
	h.Advance(nil, 3)
	if _, err := h.Watch(t.Context(), 9, feed.Filter{}); !errors.Is(err, fault.NotReady) {
		t.Errorf("while it is filled: %v", err)
	}
	complete = true
	if _, err := h.Watch(t.Context(), 9, feed.Filter{}); !errors.Is(err, fault.InvalidArgument) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestASlowWatcherIsToldWhenItsPlaceIsGone(t *testing.T) {
	h, s := filled(10, 3)
	w := watch(t, h, 1, feed.Filter{})
	s.prune(6)
	_, err := w.Next(t.Context())
	if !errors.Is(err, fault.CursorExpired) || fault.Of(err).Details["oldest"] != "6" {
		t.Errorf("got %v", err)
	}
}

func TestAStoreThatFailsIsNotAGap(t *testing.T) {
	h, s := filled(10, 3)
	w := watch(t, h, 1, feed.Filter{})
	s.fail(errors.New("locked"))
	if _, err := w.Next(t.Context()); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("got %v", err)
	}
	s.fail(nil)
	if got := drain(t, w, 10); len(got) != 9 || got[0] != 2 {
		t.Errorf("afterwards %v", got)
	}
	tail := watch(t, h, 8, feed.Filter{})
	s.fail(errors.New("locked"))
	if got := drain(t, tail, 10); len(got) != 2 {
		t.Errorf("what is in memory needs no store: %v", got)
	}
}

func TestALogThatGoesBackEndsTheWatchersItLeavesBehind(t *testing.T) {
	h, s := filled(10, 100)
	ahead, behind := watch(t, h, 10, feed.Filter{}), watch(t, h, 2, feed.Filter{})
	h.Reset(4)
	if _, err := ahead.Next(t.Context()); !errors.Is(err, fault.CursorExpired) {
		t.Errorf("ahead: %v", err)
	}
	if got := drain(t, behind, 4); len(got) != 2 {
		t.Errorf("behind: %v", got)
	}
	h.Advance(frames(5, 6), 6)
	if s.reads == 0 {
		t.Error("the frames of the old log were still in memory")
	}
	if got := drain(t, behind, 6); len(got) != 2 {
		t.Errorf("after the reset: %v", got)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	h, _ := filled(3, 10)
	w := watch(t, h, 3, feed.Filter{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMemoryIsBoundedInBytes(t *testing.T) {
	s := newStore()
	s.put(frames(1, 100)...)
	h := feed.New(feed.Config{Store: s, MaxBytes: 200})
	h.Advance(nil, 0)
	h.Advance(frames(1, 100), 100)
	if got := drain(t, watch(t, h, 50, feed.Filter{}), 100); len(got) != 50 {
		t.Errorf("got %v", got)
	}
	if s.reads == 0 {
		t.Error("50 frames of 18 bytes fit into 200")
	}
}

func TestAWatcherGoesOnWhileALostStoreIsFilledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := filled(10, 3)
		w := watch(t, h, 10, feed.Filter{})
		h.Advance(frames(1, 4), 4) // the same log, from its beginning
		got := make(chan []feed.Frame, 1)
		go func() {
			f, err := w.Next(t.Context())
			if err != nil {
				t.Errorf("next: %v", err)
			}
			got <- f
		}()
		synctest.Wait()
		s.put(frames(11, 11)...)
		h.Advance(frames(5, 11), 11)
		if f := <-got; len(f) != 1 || f[0].Seq != 11 {
			t.Errorf("got %v", f)
		}
	})
}
