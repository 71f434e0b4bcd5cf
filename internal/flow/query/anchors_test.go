package query_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// roomsOf asks for the rooms of anchor 42.
func (h *house) roomsOf(t *testing.T) []ident.RoomID {
	t.Helper()
	list, err := h.ByAnchor(t.Context(), 42)
	if err != nil {
		t.Fatal(err)
	}
	var ids []ident.RoomID
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	return ids
}

func (h *house) wantRooms(t *testing.T, want ...ident.RoomID) {
	t.Helper()
	if got := h.roomsOf(t); !equal(got, want) {
		t.Errorf("the anchor's rooms are %v, want %v", got, want)
	}
}

func TestTheRoomsOfAnAnchorShowTheNewestCard(t *testing.T) {
	h := newHouse()
	h.views.put(card(1, 1))
	h.Changed([]view.RoomCard{card(1, 2)}, nil, false)
	rooms, err := h.ByAnchor(t.Context(), 42)
	if err != nil || len(rooms) != 1 || rooms[0].Version != 2 {
		t.Errorf("got %v, %v", rooms, err)
	}
}

func TestTheRoomsOfAnAnchorAreRemembered(t *testing.T) {
	h := newHouse()
	h.views.put(card(3, 1), card(1, 1))
	h.wantRooms(t, 1, 3)
	h.views.fail(errDown)
	h.wantRooms(t, 1, 3)
	_, err := h.ByAnchor(t.Context(), 43)
	wantFault(t, err, fault.StoreUnavailable)
	h.views.fail(nil)
	if list, err := h.ByAnchor(t.Context(), 43); err != nil || len(list) != 0 {
		t.Errorf("a failed load stays: %v, %v", list, err)
	}
	h.commit(card(2, 1))
	h.wantRooms(t, 1, 2, 3) // the event brought it
	h.commit(card(2, 2))
	h.wantRooms(t, 1, 2, 3)
	h.views.put(card(4, 1)) // other views, which say more
	h.Changed(nil, nil, true)
	h.wantRooms(t, 1, 2, 3, 4)
}

func TestAnEventOvertakesTheLoadOfAnAnchorsRooms(t *testing.T) {
	for name, meanwhile := range map[string]func(*house){
		"a room is created": func(h *house) { h.commit(card(2, 1)) },
		"a reset":           func(h *house) { h.Changed(nil, nil, true); h.commit(card(2, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse()
				h.views.put(card(1, 1))
				h.views.slow(func() { time.Sleep(time.Second) })
				var wg sync.WaitGroup
				for range 100 {
					wg.Go(func() { h.wantRooms(t, 1, 2) })
				}
				synctest.Wait() // the load has read one room and has not answered
				h.views.slow(nil)
				meanwhile(h)
				wg.Wait()
				h.wantRooms(t, 1, 2)
				if n := h.views.queries(); n > 4 {
					t.Errorf("%d queries for a crowd of readers", n)
				}
			})
		})
	}
}

func TestAnAnchorsRoomsProveNothingWhileTheViewsAreFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.proof.set(false, time.Time{})
		_, err := h.ByAnchor(t.Context(), 42)
		wantFault(t, err, fault.NotReady)
		h.views.put(card(1, 1))
		h.proof.set(true, time.Time{})
		h.wantRooms(t, 1)

		h.Changed(nil, nil, true)
		h.views.slow(func() { h.proof.set(false, time.Time{}) }) // they are lost while they are read
		_, err = h.ByAnchor(t.Context(), 42)
		wantFault(t, err, fault.NotReady)
	})
}

func TestTheRoomsOfAnAnchorAreBounded(t *testing.T) {
	h := newHouse()
	h.wantRooms(t)
	for id := ident.RoomID(300); id > 0; id-- {
		h.commit(card(id, 1))
	}
	if got := h.roomsOf(t); len(got) != 200 || got[0] != 1 || got[199] != 200 {
		t.Errorf("%d rooms from %v", len(got), got[:1])
	}
}

// A crawl over anchors pushes out the ones nobody asks for, and not those that are asked for.
func TestRememberedAnchorsAreBounded(t *testing.T) {
	h := newHouse()
	h.views.put(card(1, 1))
	const crawl = 150_000
	for anchor := ident.AnchorID(1000); anchor < 1000+crawl; anchor++ {
		if anchor%10_000 == 0 {
			h.wantRooms(t, 1)
		}
		if _, err := h.ByAnchor(t.Context(), anchor); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.views.queries(); n != crawl+2 { // the anchor's list and its room, once
		t.Errorf("%d queries: an anchor that is asked for was forgotten", n)
	}
	if _, err := h.ByAnchor(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	if n := h.views.queries(); n != crawl+3 {
		t.Errorf("%d queries: nothing is ever forgotten", n)
	}
}
