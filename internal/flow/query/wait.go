package query

import (
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// waiters wakes readers of a version that is not visible yet. Nobody polls.
type waiters struct {
	mu    sync.Mutex
	rooms map[ident.RoomID]*waiter
}

// waiter is all readers that wait for one room: they share the channel that wakes them.
type waiter struct {
	woken   chan struct{}
	readers int
}

// join returns a channel that is closed by the room's next change, and how to stop waiting.
func (w *waiters) join(id ident.RoomID) (woken <-chan struct{}, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := w.rooms[id]
	if x == nil {
		x = &waiter{woken: make(chan struct{})}
		w.rooms[id] = x
	}
	x.readers++
	return x.woken, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		// The last to leave clears the place, unless a change did or others wait there anew.
		if x.readers--; x.readers == 0 && w.rooms[id] == x {
			delete(w.rooms, id)
		}
	}
}

// wake is called after the entries are visible.
func (w *waiters) wake(entries []*Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range entries {
		if x := w.rooms[e.ID]; x != nil {
			close(x.woken)
			delete(w.rooms, e.ID)
		}
	}
}
