package query

import (
	"context"
	"slices"
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// maxAnchors bounds a generation of remembered anchors; there are two. One is some 300 bytes.
	maxAnchors = 50_000
	// maxAnchorLoads bounds the anchors whose rooms are looked for at a time, by a query each.
	maxAnchorLoads = 4096
)

// anchorRooms is which rooms an anchor has. Its fields are read and written under anchors.mu.
type anchorRooms struct {
	loaded chan struct{} // closed when ids are all of them, or err is set
	// ids, ascending; before loaded is closed, only what events brought. The slice is never changed,
	// only replaced.
	ids []ident.RoomID
	err error
	// void: the list was forgotten before it was loaded, and has missed what came since.
	void bool
}

// anchors remembers which rooms the anchors have that somebody asked for.
//
// A room keeps its anchor from its creation on and is never deleted, so such a list only grows:
// whatever order a load and the events that overtake it come in, the union of both is the truth.
type anchors struct {
	mu         sync.Mutex
	young, old map[ident.AnchorID]*anchorRooms
	loading    int
}

func (a *anchors) init() { a.young, a.old = map[ident.AnchorID]*anchorRooms{}, nil }

// find returns what is remembered of an anchor, or nil. mu is held.
func (a *anchors) find(anchor ident.AnchorID) *anchorRooms {
	if list := a.young[anchor]; list != nil {
		return list
	}
	return a.old[anchor]
}

// remember puts an anchor into the young generation. When that is full it becomes the old one: who was
// not asked for in a whole generation is forgotten. mu is held.
func (a *anchors) remember(anchor ident.AnchorID, list *anchorRooms) {
	if _, young := a.young[anchor]; !young && len(a.young) >= maxAnchors {
		a.young, a.old = map[ident.AnchorID]*anchorRooms{}, a.young
	}
	a.young[anchor] = list
}

// forget drops everything: a reset.
func (a *anchors) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.init()
}

// grow takes in events: a room that is new to its anchor's list.
func (a *anchors) grow(cards []view.RoomCard) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range cards {
		if list := a.find(cards[i].AnchorID); list != nil {
			list.ids = with(list.ids, cards[i].ID)
		}
	}
}

// with is the list with one more id, or as it was. At most maxAnchorRooms, the lowest, as the views say.
func with(ids []ident.RoomID, id ident.RoomID) []ident.RoomID {
	at, known := slices.BinarySearch(ids, id)
	if known || at >= maxAnchorRooms {
		return ids
	}
	ids = slices.Insert(slices.Clone(ids), at, id)
	return ids[:min(len(ids), maxAnchorRooms)]
}

// ByAnchor lists an anchor's rooms by id, at most 200. Whose rooms were asked for once, or went on air,
// is remembered; their cards come as those of a batch do. Hidden ones are left out.
func (r *Rooms) ByAnchor(ctx context.Context, anchor ident.AnchorID) ([]*Entry, error) {
	ids, err := r.roomsOf(ctx, anchor)
	if err != nil {
		return nil, err
	}
	b := Batch{IDs: ids}
	if err := r.Batch(ctx, &b); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(b.Found, func(e *Entry) bool { return e != nil && e.Hidden }), nil
}

// roomsOf waits for the list of an anchor. It asks again only when the list was forgotten meanwhile.
func (r *Rooms) roomsOf(ctx context.Context, anchor ident.AnchorID) ([]ident.RoomID, error) {
	a := &r.anchors
	for {
		list, err := r.listOf(anchor)
		if err != nil {
			return nil, err
		}
		select {
		case <-list.loaded:
		case <-ctx.Done():
			return nil, gaveUp(ctx)
		}
		a.mu.Lock()
		ids, err, void := list.ids, list.err, list.void
		a.mu.Unlock()
		if !void {
			return ids, err
		}
	}
}

// listOf finds the list of an anchor, or starts the one load of it. OVERLOADED when too many are in flight.
func (r *Rooms) listOf(anchor ident.AnchorID) (*anchorRooms, error) {
	a := &r.anchors
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.find(anchor)
	if list == nil {
		if a.loading >= maxAnchorLoads {
			return nil, fault.Overloaded.New("the rooms of %d anchors are being loaded already", a.loading)
		}
		a.loading++
		list = &anchorRooms{loaded: make(chan struct{})}
		go r.fillAnchor(anchor, list)
	}
	a.remember(anchor, list)
	return list, nil
}

// fillAnchor runs one query for an anchor and ends its load. A load that failed is forgotten.
func (r *Rooms) fillAnchor(anchor ident.AnchorID, list *anchorRooms) {
	ctx, cancel := context.WithTimeout(context.Background(), loadWithin)
	defer cancel()
	// Before and after: what is remembered for long must not come from views that were just begun.
	complete := r.freshness.Complete()
	cards, err := r.views.ByAnchor(ctx, anchor, maxAnchorRooms)
	complete = complete && r.freshness.Complete()

	a := &r.anchors
	a.mu.Lock()
	defer a.mu.Unlock()
	defer close(list.loaded)
	a.loading--
	switch {
	case a.find(anchor) != list:
		list.void = true
		return
	case err != nil:
		list.err = fault.StoreUnavailable.Wrap(err, "the views cannot be read now")
	case !complete:
		list.err = notReady()
	}
	if list.err != nil {
		delete(a.young, anchor)
		delete(a.old, anchor)
		return
	}
	for i := range cards {
		list.ids = with(list.ids, cards[i].ID)
	}
}
