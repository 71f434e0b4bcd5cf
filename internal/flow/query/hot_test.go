package query_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// A window of the detector, and what a room must be read in it to be hot beyond doubt.
const (
	window = time.Second
	aCrowd = 10 * query.DefaultHotFrom
)

// counts is what Config.CountHot was told.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[what] += n
}

func (c *counts) want(t *testing.T, what string, want int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := c.of[what]; got != want {
		t.Errorf("%d %s, want %d", got, what, want)
	}
}

// hotHouse is a house whose RunHot runs, for use in a bubble.
type hotHouse struct {
	*house
	counts *counts
}

func runHot(t *testing.T, announcer query.Announcer) hotHouse {
	t.Helper()
	h := hotHouse{newHouse(), &counts{of: map[string]int{}}}
	h.Rooms = query.New(query.Config{
		Cache: h.cache, Views: h.house.views, Freshness: h.proof, Now: time.Now,
		Announcer: announcer, CountHot: h.counts.add,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.RunHot(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("RunHot ended with %v", err)
		}
	})
	synctest.Wait() // it listens
	return h
}

// read reads a room many times within one moment.
func (h hotHouse) read(t *testing.T, id ident.RoomID, times int) {
	t.Helper()
	for range times {
		if _, ok := h.Lookup(id); ok {
			continue
		}
		if _, err := h.Get(t.Context(), id, 0); err != nil && !errors.Is(err, fault.RoomNotFound) {
			t.Fatal(err)
		}
	}
}

func (h hotHouse) resident(id ident.RoomID) bool {
	_, ok := h.cache.Get(id)
	return ok
}

// pass lets windows end, and everything come to rest after the last.
func pass(windows int) {
	time.Sleep(time.Duration(windows) * window)
	synctest.Wait()
}

func TestACrowdIsFoundWithinOneWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := runHot(t, nil)
		for id := range ident.RoomID(100) {
			h.commit(card(id+1, 1))
			h.read(t, id+1, 50)
		}
		h.read(t, 7, aCrowd)
		time.Sleep(window)
		synctest.Wait()
		hot := h.Hot()
		if len(hot) != 1 || hot[0].ID != 7 || hot[0].Entry == nil || hot[0].Since != time.Now() {
			t.Fatalf("hot %+v", hot)
		}
		if r := hot[0].ReadsPerSecond; r < 0.5*aCrowd || r > 1.5*aCrowd {
			t.Errorf("%v reads a second, they were %d", r, aCrowd)
		}
		h.cache.evict(7)
		pass(1)
		if !h.resident(7) {
			t.Error("a hot room was evicted, and not brought back before the next reader")
		}
		pass(10)
		if hot := h.Hot(); len(hot) != 0 {
			t.Errorf("still hot after ten windows in which nobody read: %+v", hot)
		}
	})
}

func TestARoomThatIsNotThereIsNeverHot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := runHot(t, nil)
		h.read(t, 666, aCrowd)
		pass(1)
		if hot := h.Hot(); len(hot) != 0 || h.HotKept() != 0 {
			t.Errorf("hot %+v, kept %d", hot, h.HotKept())
		}
	})
}

func TestWhatIsHotAnywhereIsKeptWarmEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var air memory.HotWords
		a, b := runHot(t, air.Node()), runHot(t, air.Node())
		a.house.views.put(card(7, 1))
		b.house.views.put(card(7, 1))
		for range 20 { // the crowd stays
			a.read(t, 7, aCrowd)
			pass(1)
		}
		if !b.resident(7) || b.house.views.queries() != 1 {
			t.Fatalf("resident %v after %d queries", b.resident(7), b.house.views.queries())
		}
		if hot := b.Hot(); len(hot) != 0 {
			t.Errorf("what is warm is not hot: %+v", hot)
		}
		a.counts.want(t, query.HotAnnounced, 2) // at once, and ten seconds later
		b.counts.want(t, query.HotHeard, 2)
		b.counts.want(t, query.HotWarmed, 1)
		b.cache.evict(7)
		pass(1)
		if !b.resident(7) {
			t.Error("evicted, and not brought back")
		}
		pass(60) // the crowd has gone
		b.cache.evict(7)
		pass(1)
		if b.resident(7) || b.HotKept() != 0 {
			t.Error("kept for ever")
		}
	})
}

// stubborn says nothing until it is told to.
type stubborn struct {
	query.Announcer
	mu     sync.Mutex
	refuse error
}

func (s *stubborn) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

func (s *stubborn) Announce(rooms []ident.RoomID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	return s.Announcer.Announce(rooms)
}

func TestAWordThatWasNotSaidIsSaidInTheNextWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var air memory.HotWords
		s := &stubborn{Announcer: air.Node(), refuse: errDown}
		a, b := runHot(t, s), runHot(t, air.Node())
		a.commit(card(7, 1))
		b.house.views.put(card(7, 1))
		a.read(t, 7, aCrowd)
		pass(2)
		a.counts.want(t, query.HotFailed, 2)
		s.set(nil)
		pass(1)
		a.counts.want(t, query.HotAnnounced, 1)
		if !b.resident(7) {
			t.Error("the other node has not heard")
		}
	})
}

func TestWordsOfHotRoomsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var air memory.HotWords
		h, other := runHot(t, air.Node()), air.Node()
		h.house.views.put(card(1, 1))
		h.house.views.slow(func() { time.Sleep(window / 4) })
		for first := ident.RoomID(1); first < 5000; first += query.MaxHot {
			word := make([]ident.RoomID, query.MaxHot)
			for i := range word {
				word[i] = first + ident.RoomID(i)
			}
			if err := other.Announce(word); err != nil {
				t.Fatal(err)
			}
		}
		if kept := h.HotKept(); kept != query.MaxBatch {
			t.Fatalf("%d rooms are kept of 5,000 that were announced", kept)
		}
		pass(2)
		if !h.resident(1) || h.HotKept() != 1 {
			t.Errorf("%d kept, although but one exists", h.HotKept())
		}
		h.house.views.slow(nil)
		h.house.views.fail(errDown)
		if err := other.Announce([]ident.RoomID{2}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h.counts.want(t, query.HotFailed, 1)
		h.house.views.put(card(2, 1))
		h.house.views.fail(nil)
		pass(1)
		if !h.resident(2) {
			t.Error("a room that could not be warmed at once is not warmed later")
		}
	})
}

// Trap: the start of a big broadcast is the peak of reads.
func TestTheFirstReadsAfterGoingLiveAskNothingOfTheViews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := runHot(t, nil)
		ended := card(2, 9) // the anchor's other room, which nobody has read
		h.house.views.put(card(1, 1), ended)
		if err := h.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.commit(liveCard(1, 2, 1000)) // WentLive
		synctest.Wait()
		h.house.views.fail(errDown)
		before := h.house.views.queries()

		if e, err := h.Get(t.Context(), 1, 2); err != nil || !e.OnAir {
			t.Errorf("the room: %v, %v", e, err)
		}
		if list, err := h.ByAnchor(t.Context(), 42); err != nil || len(list) != 2 || list[0].Version != 2 || list[1].Version != 9 {
			t.Errorf("the anchor's rooms: %v, %v", list, err)
		}
		if page, err := h.Live(t.Context(), query.LiveQuery{}); err != nil || len(page.Rooms) != 1 || page.Rooms[0].ID != 1 {
			t.Errorf("the live list: %v, %v", page, err)
		}
		if n := h.house.views.queries() - before; n != 0 {
			t.Errorf("%d queries by the first readers", n)
		}
	})
}

func TestAStartIsExpectedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := runHot(t, nil)
		h.house.views.fail(errDown) // so that each attempt is counted, and none is remembered
		h.commit(liveCard(1, 1, 1000))
		for v := ident.Version(2); v < 100; v++ { // a title that changes while on air
			h.commit(liveCard(1, v, 1000))
		}
		synctest.Wait()
		h.counts.want(t, query.HotFailed, 1)
		h.commit(card(1, 100))
		h.commit(liveCard(1, 101, 2000))
		synctest.Wait()
		h.counts.want(t, query.HotFailed, 2)
	})
}

func TestAMorningOfStartsDoesNotBlockTheProjector(t *testing.T) {
	h := newHouse() // nobody runs RunHot
	cards := make([]view.RoomCard, 5000)
	for i := range cards {
		cards[i] = liveCard(ident.RoomID(i+1), 1, 1000)
	}
	h.commit(cards...)
}
