package query

import (
	"context"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// loadWithin bounds one query of the database. The readers that wait for it have usually
	// gone earlier; the bound frees the key when the database hangs.
	loadWithin = 2 * time.Second
	// maxLoads bounds the keys being loaded at a time: readers of random ids queue up here, not in
	// the database.
	maxLoads = 4096
	// A missing room is remembered for one to two turns, and at most 2 × maxAbsent of them are.
	absentTurn = 500 * time.Millisecond
	maxAbsent  = 50_000
)

// load is one query of the database for one room, shared by all who ask meanwhile. It
// belongs to no reader. Its results are read after done is closed.
type load struct {
	id    ident.RoomID
	done  chan struct{}
	entry *Entry // nil: there is no such room
	err   error
	// overtaken: an event or a reset came between asking and answering. What the database said may
	// be older than what has been shown, and is thrown away.
	overtaken bool
}

func (l *load) wait(ctx context.Context) error {
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return gaveUp(ctx)
	}
}

// fills keeps the loads in flight and the rooms known to be missing, under one lock: whether a load
// may still fill the cache or prove an absence is one decision with the event that overtakes it.
type fills struct {
	mu       sync.Mutex
	inFlight map[ident.RoomID]*load
	young    map[ident.RoomID]struct{} // found missing in this turn
	old      map[ident.RoomID]struct{} // in the turn before
	turned   time.Time
}

func (f *fills) init() {
	f.inFlight = map[ident.RoomID]*load{}
	f.forgetAbsent()
}

func (f *fills) forgetAbsent() {
	f.young, f.old = map[ident.RoomID]struct{}{}, map[ident.RoomID]struct{}{}
}

// absent reports whether the room is known to be missing. mu is held.
func (f *fills) absent(id ident.RoomID, now time.Time) bool {
	if age := now.Sub(f.turned); age >= absentTurn || len(f.young) >= maxAbsent {
		f.old = f.young
		if age >= 2*absentTurn {
			f.old = nil
		}
		f.young, f.turned = map[ident.RoomID]struct{}{}, now
	}
	_, young := f.young[id]
	_, old := f.old[id]
	return young || old
}

// load returns a load for each room that is not known to be missing, starting one query for
// those that nobody is loading yet. OVERLOADED when too many are in flight.
func (r *Rooms) load(ids ...ident.RoomID) ([]*load, error) {
	f := &r.fills
	f.mu.Lock()
	defer f.mu.Unlock()
	now := r.now()
	var all, fresh []*load
	for _, id := range ids {
		if f.absent(id, now) {
			continue
		}
		l, running := f.inFlight[id]
		if !running {
			l = &load{id: id, done: make(chan struct{})}
			fresh = append(fresh, l)
			f.inFlight[id] = l
		}
		all = append(all, l)
	}
	if len(f.inFlight) > maxLoads && len(fresh) > 0 {
		for _, l := range fresh {
			delete(f.inFlight, l.id)
		}
		return nil, fault.Overloaded.New("%d rooms are being loaded already", len(f.inFlight))
	}
	if len(fresh) > 0 {
		go r.fill(fresh)
	}
	return all, nil
}

// fill runs one query for the loads and ends them.
func (r *Rooms) fill(loads []*load) {
	ctx, cancel := context.WithTimeout(context.Background(), loadWithin)
	defer cancel()
	// Asked before the query: a fill of the views that ends meanwhile proves nothing about it.
	complete := r.freshness.Complete()
	ids := make([]ident.RoomID, len(loads))
	for i, l := range loads {
		ids[i] = l.id
	}
	cards, err := r.views.Cards(ctx, ids)
	found := make(map[ident.RoomID]*Entry, len(cards))
	for i := range cards {
		found[cards[i].ID] = NewEntry(&cards[i])
	}

	f := &r.fills
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range loads {
		r.settle(l, found[l.id], complete, err)
		close(l.done)
	}
}

// settle decides what became of a load. fills.mu is held.
func (r *Rooms) settle(l *load, e *Entry, complete bool, err error) {
	f := &r.fills
	if f.inFlight[l.id] == l {
		delete(f.inFlight, l.id)
	}
	switch {
	case err != nil:
		l.err = fault.StoreUnavailable.Wrap(err, "the views cannot be read now")
	case l.overtaken:
	case e != nil:
		l.entry = r.cache.Put(e)
	case !complete:
		l.err = notReady()
	default:
		f.young[l.id] = struct{}{}
	}
}

// overtake puts an event's entries into the cache and marks every load that asked before them.
func (f *fills) overtake(cache Cache, entries []*Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range entries {
		if l, ok := f.inFlight[e.ID]; ok {
			l.overtaken = true
			delete(f.inFlight, e.ID)
		}
		delete(f.young, e.ID)
		delete(f.old, e.ID)
		cache.Put(e)
	}
}

// reset forgets everything: the cache, the absences, and what is being loaded.
func (f *fills) reset(cache Cache) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, l := range f.inFlight {
		l.overtaken = true
		delete(f.inFlight, id)
	}
	f.forgetAbsent()
	cache.Clear()
}

func notReady() error {
	return fault.NotReady.New("the views are being filled; a missing room proves nothing yet")
}
