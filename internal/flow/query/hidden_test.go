package query_test

import (
	"slices"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// under is a card with a level in force.
func under(c view.RoomCard, state view.ControlState) view.RoomCard {
	c.Control = view.Control{State: state, Reason: "spam"}
	return c
}

// onList is what the live list and the set of live ids show; they must agree.
func (h *house) onList(t *testing.T) (ids []ident.RoomID) {
	t.Helper()
	page, err := h.Live(t.Context(), query.LiveQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Rooms {
		ids = append(ids, e.ID)
	}
	all, err := h.LiveIDs()
	if err != nil {
		t.Fatal(err)
	}
	var set []ident.RoomID
	for some, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, some...)
	}
	slices.Sort(set)
	if slices.Sort(ids); !slices.Equal(set, ids) {
		t.Errorf("the list has %v, the set %v", ids, set)
	}
	return ids
}

func TestAHiddenRoomIsInNoList(t *testing.T) {
	h := newHouse()
	h.views.put(under(liveCard(3, 1, 3), view.Hidden))
	warm(t, h)
	h.commit(liveCard(1, 1, 1), liveCard(2, 1, 2))
	h.commit(under(liveCard(1, 2, 1), view.Hidden), under(liveCard(2, 2, 2), view.Warned))
	if got := h.onList(t); !slices.Equal(got, []ident.RoomID{2}) {
		t.Errorf("on the live list: %v", got)
	}
	h.wantRooms(t, 2)

	// By its id it is shown as before, alone and in a batch.
	e, err := h.Get(t.Context(), 1, 0)
	if err != nil || e.Version != 2 {
		t.Errorf("by its id: %+v, %v", e, err)
	}
	b := query.Batch{IDs: []ident.RoomID{1, 3}}
	if err := h.Batch(t.Context(), &b); err != nil || len(b.Found) != 2 {
		t.Errorf("in a batch: %v, %v", b.Found, err)
	}

	h.commit(liveCard(1, 3, 1))
	if got := h.onList(t); !slices.Equal(got, []ident.RoomID{1, 2}) {
		t.Errorf("when it is shown again: %v", got)
	}
	h.wantRooms(t, 1, 2)
}
