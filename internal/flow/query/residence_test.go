package query_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// running lets Run work until it has nothing to do, and then looks.
func running(t *testing.T, prepare func(h *house), look func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse() // its channels belong to the bubble
		prepare(h)
		ctx, stop := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = h.Run(ctx) })
		synctest.Wait()
		look(h)
		stop()
		run.Wait()
	})
}

func TestAllRoomsAreResidentAfterAStart(t *testing.T) {
	const rooms = 3 * 512
	running(t, func(h *house) {
		for id := ident.RoomID(1); id <= rooms; id++ {
			h.views.put(card(id, 1))
		}
		h.views.put(liveCard(rooms+1, 1, 1))
		if h.Resident() {
			t.Error("resident before anything was read")
		}
	}, func(h *house) {
		for id := ident.RoomID(1); id <= rooms+1; id++ {
			if _, ok := h.Lookup(id); !ok {
				t.Fatalf("room %d is not resident", id)
			}
		}
		if n := h.views.queries(); !h.Resident() || n > 10 {
			t.Errorf("resident %t after %d queries for %d rooms", h.Resident(), n, rooms)
		}
	})
}

func TestAResetBeforeTheStartCostsNothing(t *testing.T) {
	for _, resets := range []int{0, 1} {
		running(t, func(h *house) {
			h.views.put(card(1, 1))
			for range resets {
				h.Changed(nil, nil, true)
			}
		}, func(h *house) {
			if n := h.views.queries(); n != 3 {
				t.Errorf("after %d resets the rooms were brought in by %d queries", resets, n)
			}
		})
	}
}

func TestAFullL1TakesRoomsOnAirAndTheNewest(t *testing.T) {
	running(t, func(h *house) {
		h.cache.room = 700
		for id := ident.RoomID(1); id <= 10_000; id++ {
			h.views.put(card(id, 1))
		}
		h.views.put(liveCard(1, 2, 1))
	}, func(h *house) {
		for _, id := range []ident.RoomID{1, 10_000, 9_500} {
			if _, ok := h.Lookup(id); !ok {
				t.Errorf("room %d is not resident", id)
			}
		}
		// Each worker may have had a page in hand when the last one fitted.
		if n := h.cache.Len(); !h.Resident() || n > 700+512*(1+runtime.GOMAXPROCS(0)) {
			t.Errorf("resident %t, %d rooms: what does not fit was brought in", h.Resident(), n)
		}
	})
}

// The event's entry was evicted by the time the page arrives: the versions in L1 cannot tell that the page is old.
func TestAPageDoesNotBringBackWhatAnEventReplaced(t *testing.T) {
	h := newHouse()
	h.views.put(card(1, 1), card(2, 1))
	var once sync.Once
	h.views.slow(func() {
		once.Do(func() {
			h.commit(card(1, 2))
			h.cache.evict(1)
		})
	})
	if err := h.FillL1(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, ok := h.Lookup(1); ok {
		t.Errorf("the old version %d is resident", e.Version)
	}
	if _, ok := h.Lookup(2); !ok {
		t.Error("the other room of the page is not resident")
	}
	if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 2 {
		t.Errorf("got %v, %v", e, err)
	}
}

func TestAResetVoidsThePagesReadBefore(t *testing.T) {
	h := newHouse()
	h.views.put(card(1, 9), card(2, 9))
	var once sync.Once
	h.views.slow(func() { once.Do(func() { h.Changed([]view.RoomCard{card(1, 1)}, nil, true) }) })
	if err := h.FillL1(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := h.Lookup(2); ok || h.Resident() {
		t.Errorf("room 2 of the old log is resident (%t), and that counts as filled (%t)", ok, h.Resident())
	}
	if e, _ := h.Lookup(1); e == nil || e.Version != 1 {
		t.Errorf("room 1 of the new log: %v", e)
	}
}

func TestAFillOfL1ThatFailsIsTriedAgain(t *testing.T) {
	running(t, func(h *house) {
		h.views.put(card(1, 1))
		h.views.fail(errDown)
	}, func(h *house) {
		if h.Resident() {
			t.Error("resident, and nothing could be read")
		}
		h.views.fail(nil)
		<-time.After(time.Second) // the pause between two attempts
		if _, ok := h.Lookup(1); !ok || !h.Resident() {
			t.Errorf("room 1 %t, resident %t", ok, h.Resident())
		}
	})
}
