package query

import (
	"context"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// loadWithin bounds one query of what stands behind L1. The readers that wait for it have usually
	// gone earlier; the bound frees the keys when the database hangs.
	loadWithin = 2 * time.Second
	// maxLoads bounds the rooms that wait to be loaded: readers of random ids queue up here, not in
	// the database.
	maxLoads = 32_768
	// maxQueries bounds the queries at a time, maxPerQuery the rooms of one. A single cold room is asked for
	// at once; only while all queries are under way do rooms collect, and then leave in few large ones.
	maxQueries  = 4
	maxPerQuery = 512
)

// load is the way of one room into L1, shared by all who ask meanwhile. It belongs to no reader. Its results
// are read after done is closed.
type load struct {
	id    ident.RoomID
	done  chan struct{}
	entry *Entry // nil: there is no such room
	err   error
	// overtaken: an event or a reset came between asking and answering. What the database says may
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

// fills keeps the loads under way, the rooms known to be missing, and what was lately heard of rooms, under one lock:
// whether a load may still fill the cache or prove an absence is one decision with the event that overtakes it.
type fills struct {
	mu       sync.Mutex
	inFlight map[ident.RoomID]*load
	queue    []*load // of those, the ones that no query has taken yet; and some that were overtaken
	queries  int     // under way
	absent   absences
	heard    heard
}

func (f *fills) init(now time.Time) {
	f.inFlight = map[ident.RoomID]*load{}
	f.absent.forget()
	f.heard.forget(now)
}

// load returns a load for each room that is not known to be missing, and sees to it that those that nobody
// was loading yet are queried. OVERLOADED when too many wait.
func (r *Rooms) load(ids ...ident.RoomID) ([]*load, error) {
	f := &r.fills
	f.mu.Lock()
	defer f.mu.Unlock()
	now := r.now()
	var all, fresh []*load
	for _, id := range ids {
		if f.absent.has(id, now) {
			continue
		}
		l, running := f.inFlight[id]
		if !running {
			l = &load{id: id, done: make(chan struct{})}
			if e, ok := r.cache.Get(id); ok { // it came between the reader's look and this one
				l.entry = e
				close(l.done)
			} else {
				fresh = append(fresh, l)
				f.inFlight[id] = l
			}
		}
		all = append(all, l)
	}
	if len(f.inFlight) > maxLoads && len(fresh) > 0 {
		for _, l := range fresh {
			delete(f.inFlight, l.id)
		}
		return nil, fault.Overloaded.New("%d rooms are being loaded already", len(f.inFlight))
	}
	f.queue = append(f.queue, fresh...)
	for started := 0; f.queries < maxQueries && started*maxPerQuery < len(f.queue); started++ {
		f.queries++
		go r.drain()
	}
	return all, nil
}

// drain makes one query after the other until nobody waits.
func (r *Rooms) drain() {
	for loads := r.fills.take(); loads != nil; loads = r.fills.take() {
		r.fill(loads)
	}
}

// take removes the loads of the next query from the queue. nil ends the caller's turn.
func (f *fills) take() []*load {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) > 0 {
		n := min(len(f.queue), maxPerQuery)
		loads := make([]*load, 0, n)
		for _, l := range f.queue[:n] {
			if !l.overtaken { // else its readers have gone on
				loads = append(loads, l)
			}
		}
		if f.queue = f.queue[n:]; len(f.queue) == 0 {
			f.queue = nil // the array was as large as the largest crowd
		}
		if len(loads) > 0 {
			return loads
		}
	}
	f.queries--
	return nil
}

// fill asks L2 and then L3 for the loads and ends them.
func (r *Rooms) fill(loads []*load) {
	ctx, cancel := context.WithTimeout(context.Background(), loadWithin)
	defer cancel()
	// Before the query: what is proven or complete only afterwards says nothing about its answer.
	complete, look := r.freshness.Complete(), r.Look()
	found := r.believed(ctx, loads)
	ids := make([]ident.RoomID, 0, len(loads))
	for _, l := range loads {
		if found[l.id] == nil {
			ids = append(ids, l.id)
		}
	}
	loaded, err := r.query(ctx, ids)
	for _, e := range loaded {
		found[e.ID] = e
	}
	r.fills.mu.Lock()
	for _, e := range found {
		r.heardOf(e, look)
	}
	r.settle(loads, found, complete, err)
	r.fills.mu.Unlock()
	r.offerProven(loaded, look)
}

// query asks L3.
func (r *Rooms) query(ctx context.Context, ids []ident.RoomID) ([]*Entry, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	r.second.count(QueriedL3, 1)
	cards, err := r.views.Cards(ctx, ids)
	if err != nil {
		return nil, fault.StoreUnavailable.Wrap(err, "the views cannot be read now")
	}
	r.second.count(LoadedL3, len(cards))
	entries := make([]*Entry, len(cards))
	for i := range cards {
		entries[i] = NewEntry(&cards[i])
	}
	return entries, nil
}

// settle ends the loads of a query: err is of those that were not found. fills.mu is held.
func (r *Rooms) settle(loads []*load, found map[ident.RoomID]*Entry, complete bool, err error) {
	f := &r.fills
	for _, l := range loads {
		if l.overtaken {
			continue
		}
		e := found[l.id]
		switch {
		case e != nil:
			l.entry = r.keep(e)
		case err != nil:
			l.err = err
		case !complete:
			l.err = notReady()
		default:
			f.absent.add(l.id, r.now())
		}
		delete(f.inFlight, l.id)
		close(l.done)
	}
}

// overtake puts an event's entries into the cache and ends every load that asked before them: its readers
// look again, and need not wait for a query whose answer nobody may see.
func (r *Rooms) overtake(entries []*Entry) {
	f := &r.fills
	f.mu.Lock()
	defer f.mu.Unlock()
	now := r.now()
	for _, e := range entries {
		f.absent.drop(e.ID)
		if l, ok := f.inFlight[e.ID]; ok {
			f.end(l)
		}
		if r.second.port != nil && !f.heard.of(e.ID, e.Version, now) {
			continue // what L3 knew already has been shown, and may have left L1 since
		}
		r.keep(e)
	}
}

// end is for a load that was overtaken. mu is held.
func (f *fills) end(l *load) {
	l.overtaken = true
	delete(f.inFlight, l.id)
	close(l.done)
}

// forget empties everything: the cache, the absences, what was heard, and what is being loaded.
func (r *Rooms) forget() {
	f := &r.fills
	f.mu.Lock()
	defer f.mu.Unlock()
	r.cache.Clear()
	f.absent.forget()
	f.heard.forget(r.now())
	for _, l := range f.inFlight {
		f.end(l)
	}
	f.queue = nil
}

func notReady() error {
	return fault.NotReady.New("the views are being filled; a missing room proves nothing yet")
}
