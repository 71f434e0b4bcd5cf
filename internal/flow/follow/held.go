package follow

import (
	"maps"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// held is the rooms that are parked, and since when their cards are not proven. Readers ask with every answer, and
// what they ask never changes: it is replaced. The rest is the follower's alone.
//
// A room is held as soon as a list has it, and freed later than a list lacks it: only when the card is told that
// healed it. In between its old card must not pass for proven.
type held struct {
	now atomic.Pointer[map[ident.RoomID]time.Time]
	// listed is the newest list of room_c, at the number of the transaction that changed it last; nil for none.
	listed map[ident.RoomID]time.Time
	at     int64
	// loose: more rooms are held than are listed.
	loose bool
}

func (h *held) of(id ident.RoomID) (since time.Time, parked bool) {
	if now := h.now.Load(); now != nil {
		since, parked = (*now)[id]
	}
	return since, parked
}

// relist forgets what the list of another room_c said, but not whom it held.
func (h *held) relist() { h.listed = nil }

func (h *held) listedAt(write int64) bool { return h.listed != nil && h.at == write }

// hold takes in a list.
func (h *held) hold(rooms map[ident.RoomID]time.Time, write int64) {
	all := maps.Clone(rooms)
	if all == nil {
		all = map[ident.RoomID]time.Time{}
	}
	h.listed, h.at = maps.Clone(all), write
	if before := h.now.Load(); before != nil {
		for id, since := range *before {
			if listed, both := all[id]; !both || since.Before(listed) {
				all[id] = since
			}
		}
	}
	h.now.Store(&all)
	h.loose = true
}

// free holds those that are listed and nobody else.
func (h *held) free() {
	if h.loose {
		listed := h.listed
		h.now.Store(&listed)
		h.loose = false
	}
}
