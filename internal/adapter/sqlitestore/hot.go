package sqlitestore

import (
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// maxHotRows bounds the rooms kept; when there are more, all make way. A miss costs one query.
const maxHotRows = 10_000

// hotRows are rooms as the newest transaction sees them, so that a room that changes often is not read
// and decoded each time. Sound because only the one writer changes rooms, and it goes through SaveRoom. For
// the writer's goroutine alone.
type hotRows struct {
	rooms map[ident.RoomID]*room.Room
	// touched are those that the running transaction changed: void when it does not commit.
	touched []ident.RoomID
}

func (h *hotRows) get(id ident.RoomID) *room.Room {
	if r := h.rooms[id]; r != nil {
		return r.Stored()
	}
	return nil
}

func (h *hotRows) keep(r *room.Room) {
	if _, kept := h.rooms[r.ID]; !kept && len(h.rooms) >= maxHotRows {
		clear(h.rooms)
	}
	h.rooms[r.ID] = r.Stored()
}

func (h *hotRows) saved(r *room.Room) {
	h.keep(r)
	h.touched = append(h.touched, r.ID)
}

func (h *hotRows) committed() { h.touched = h.touched[:0] }

func (h *hotRows) aborted() {
	for _, id := range h.touched {
		delete(h.rooms, id)
	}
	h.touched = h.touched[:0]
}
