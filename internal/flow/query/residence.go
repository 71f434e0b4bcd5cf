package query

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// How rooms come into L1 at a start, before anybody asks: those on air with the live list (Warm), then all
// others, newest first, until L1 is full. Events come meanwhile and win.
//
// A page is read from a snapshot, and by the time it is encoded its rooms may have changed. L1's comparison
// of versions is not enough: an event's newer entry may have been evicted in between, and the page's would
// pass for the newest. So each page remembers which rooms events touched since before it was read.

// sweepPage bounds the rooms of one page: a few milliseconds of reading and encoding.
const sweepPage = 512

// page is rooms on their way from room_c into L1, and those among them that events touched meanwhile.
type page map[ident.RoomID]struct{}

// residence brings rooms in. The zero value is ready.
type residence struct {
	// reached: the first sweep has ended. Later ones, after a reset, do not take it back.
	reached atomic.Bool

	mu     sync.Mutex
	pages  map[*page]struct{} // being read or encoded: one per worker
	resets int
}

// Resident reports whether the rooms of room_c have been brought into L1 once, as far as they fit.
func (r *Rooms) Resident() bool { return r.residence.reached.Load() }

// touch is called with what an event changed, before it goes to L1.
func (s *residence) touch(cards []view.RoomCard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.pages {
		for i := range cards {
			(*p)[cards[i].ID] = struct{}{}
		}
	}
}

// reset is called before L1 is emptied: what was read until now belongs to the past.
func (s *residence) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resets++
}

func (s *residence) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resets
}

func (s *residence) begin() *page {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pages == nil {
		s.pages = map[*page]struct{}{}
	}
	p := &page{}
	s.pages[p] = struct{}{}
	return p
}

// end puts a page's entries into L1, unless an event or a reset was faster.
func (s *residence) end(p *page, since int, entries []*Entry, keep func(*Entry)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pages, p)
	if s.resets != since {
		return
	}
	for _, e := range entries {
		if _, touched := (*p)[e.ID]; !touched {
			keep(e)
		}
	}
}

// sweep is one pass over room_c. Reading a page says where the next begins, so pages are read one after the
// other, and encoded beside each other.
type sweep struct {
	*Rooms
	since int // resets when the sweep began

	mu     sync.Mutex
	before ident.RoomID
	done   bool
}

// FillL1 brings all rooms in that fit. A reset ends it: Run begins again.
func (r *Rooms) FillL1(ctx context.Context) error {
	s := sweep{Rooms: r, since: r.residence.now()}
	g, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error { return s.run(ctx) })
	}
	if err := g.Wait(); err != nil {
		return fault.StoreUnavailable.Wrap(err, "the rooms cannot be brought into memory")
	}
	if r.residence.now() == s.since {
		r.residence.reached.Store(true)
	}
	return nil
}

func (s *sweep) run(ctx context.Context) error {
	for {
		p := s.residence.begin()
		cards, err := s.next(ctx)
		entries := make([]*Entry, 0, len(cards))
		for i := range cards {
			// Rooms on air are there already, and those that readers and events brought.
			if s.newest(cards[i].ID, cards[i].Version) == nil {
				entries = append(entries, NewEntry(&cards[i]))
			}
		}
		s.residence.end(p, s.since, entries, s.keepSwept)
		if err != nil || len(cards) == 0 {
			return err
		}
	}
}

// next reads a page; an empty one is the end.
func (s *sweep) next(ctx context.Context) ([]view.RoomCard, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done || s.residence.now() != s.since || !s.cache.Spare() {
		s.done = true
		return nil, nil
	}
	cards, err := s.views.Newest(ctx, s.before, sweepPage)
	if err != nil || len(cards) == 0 {
		s.done = true
		return nil, err
	}
	s.before = cards[len(cards)-1].ID
	return cards, nil
}

// keepSwept puts an entry into L1 as an event does.
func (r *Rooms) keepSwept(e *Entry) {
	r.fills.mu.Lock()
	defer r.fills.mu.Unlock()
	r.keep(e)
}
