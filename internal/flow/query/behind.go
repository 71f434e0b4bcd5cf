package query

import (
	"context"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// What stands behind L1: L2 (Second), which all viewer nodes of a zone share, then L3 (Views).
//
// L2 proves nothing by itself. A write to it may have failed, may wait in the queue of this process or of one that was
// killed, and a replica that takes over may have lost the newest ones. So nothing is built on its being
// current: an entry carries the moment at which it was proven to be the newest, and is believed if this
// process has since then heard of no newer one, and would have. That is what L1's own entries stand on,
// so the age of both is told by the same proof. Whatever is not believed is asked of L3.

const (
	// SecondLife is how long L2 keeps an entry that nobody renews. It is there for a room that many nodes
	// miss at about the same time; a longer life would save L3 little, and makes every process
	// remember for as long which rooms have changed.
	SecondLife = time.Minute
	// clockSkew is how far the clocks of two machines of a zone may be apart.
	clockSkew = 2 * time.Second
	// heardTurn lets what was heard outlive whatever L2 may still keep of the time before.
	heardTurn = SecondLife + 2*clockSkew
	// maxHeard bounds the rooms of one turn; both turns take about 16 MiB then. When more rooms change in a
	// minute, less of L2 is believed.
	maxHeard = 200_000

	// maxOffers bounds the rooms that wait to be written to L2, maxPerOffer those of one write.
	maxOffers   = 8192
	maxPerOffer = 256
)

// What came of the questions behind L1, in rooms if nothing else is said.
const (
	FoundL2   = "l2_found"   // believed
	DoubtedL2 = "l2_doubted" // there, but not provably the newest
	MissedL2  = "l2_missed"  // not there
	FailedL2  = "l2_failed"  // could not be asked
	OfferedL2 = "l2_offered" // written, or something newer was there
	DroppedL2 = "l2_dropped" // not written: too many waited, or it failed
	QueriedL3 = "l3_queried" // queries
	LoadedL3  = "l3_loaded"  // found
)

// Behind is every word that Config.CountBehind may be told.
func Behind() []string {
	return []string{FoundL2, DoubtedL2, MissedL2, FailedL2, OfferedL2, DroppedL2, QueriedL3, LoadedL3}
}

// heard remembers the newest version of each room that changed lately. Not safe for concurrent use.
type heard struct {
	young, old map[ident.RoomID]ident.Version
	turned     time.Time // young began
	since      time.Time // whatever was heard after this moment is in young or old
}

func (h *heard) forget(now time.Time) {
	*h = heard{young: map[ident.RoomID]ident.Version{}, turned: now, since: now}
}

// of takes in a version; false when a newer one was heard of.
func (h *heard) of(id ident.RoomID, v ident.Version, now time.Time) bool {
	if now.Sub(h.turned) >= heardTurn || len(h.young) >= maxHeard {
		h.old, h.since = h.young, h.turned
		h.young, h.turned = map[ident.RoomID]ident.Version{}, now
	}
	newest := max(h.young[id], h.old[id], v)
	h.young[id] = newest
	return v == newest
}

// believes reports whether k is the newest version of its room as far as this process can know: it would
// have heard of every change since k was proven, and heard of none.
func (h *heard) believes(k Kept, now time.Time) bool {
	// A proof from the future is of a clock that cannot be trusted about the past either.
	if k.Proven.Before(h.since.Add(clockSkew)) || k.Proven.After(now.Add(clockSkew)) {
		return false
	}
	return k.Version >= max(h.young[k.ID], h.old[k.ID])
}

// believed asks L2 for the rooms of the loads and returns what may be shown.
func (r *Rooms) believed(ctx context.Context, loads []*load) map[ident.RoomID]*Entry {
	found := make(map[ident.RoomID]*Entry, len(loads))
	s := &r.second
	if s.port == nil {
		return found
	}
	ids := make([]ident.RoomID, len(loads))
	for i, l := range loads {
		ids[i] = l.id
	}
	kept, err := s.port.Fetch(ctx, ids)
	if err != nil {
		s.count(FailedL2, len(ids)) // L3 is asked; why L2 is away, the guard in front of it tells
		return found
	}
	f := &r.fills
	f.mu.Lock()
	for _, k := range kept {
		if f.heard.believes(k, r.now()) {
			found[k.ID] = k.Entry
		}
	}
	f.mu.Unlock()
	s.count(FoundL2, len(found))
	s.count(DoubtedL2, len(kept)-len(found))
	s.count(MissedL2, len(ids)-len(kept))
	return found
}

// heardOf remembers what L2 or L3 knew and no event has told yet: once that has been shown, neither L2 nor the
// late events of older versions may lead back behind it. The look was taken before they were asked.
// fills.mu is held.
func (r *Rooms) heardOf(e *Entry, l Look) {
	if r.second.port != nil && e.At.Add(clockSkew).After(l.proven) {
		r.fills.heard.of(e.ID, e.Version, r.now())
	}
}

// second is L2 with what waits to be written to it: the newest of each room.
type second struct {
	port  Second // nil: there is no L2
	count func(what string, n int)

	mu     sync.Mutex
	offers map[ident.RoomID]Kept
	some   chan struct{}
}

func (s *second) init(c *Config) {
	s.port, s.count = c.Second, c.CountBehind
	if s.count == nil {
		s.count = func(string, int) {}
	}
	s.offers, s.some = map[ident.RoomID]Kept{}, make(chan struct{}, 1)
}

// forget drops what waits: a reset made it void.
func (s *second) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.offers)
}

// offer takes in what is to be written. It never waits: what there is no place for is dropped.
func (s *second) offer(entries []*Entry, proven func(*Entry) time.Time) {
	if s.port == nil || len(entries) == 0 {
		return
	}
	dropped := 0
	s.mu.Lock()
	for _, e := range entries {
		waiting, replaced := s.offers[e.ID]
		if !replaced && len(s.offers) >= maxOffers {
			dropped++
			continue
		}
		if k := (Kept{e, proven(e)}); !replaced || k.Newer(waiting) {
			s.offers[e.ID] = k
		}
	}
	s.mu.Unlock()
	s.count(DroppedL2, dropped)
	select {
	case s.some <- struct{}{}:
	default: // the writer knows
	}
}

// take removes what the next write brings.
func (s *second) take() []Kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := make([]Kept, 0, min(len(s.offers), maxPerOffer))
	for id, k := range s.offers {
		if len(batch) == maxPerOffer {
			break
		}
		batch = append(batch, k)
		delete(s.offers, id)
	}
	return batch
}

// offerChanged offers what an event brought: at the moment of its own change each was the newest.
func (r *Rooms) offerChanged(entries []*Entry) {
	r.second.offer(entries, func(e *Entry) time.Time { return e.At })
}

// offerProven offers what L3 said when it was asked after the look.
func (r *Rooms) offerProven(loaded []*Entry, l Look) {
	r.second.offer(loaded, func(e *Entry) time.Time { return l.At.Add(-l.Age(e)) })
}

// RunSecond writes to L2 what events and L3 bring, until ctx ends. A write that fails is not repeated:
// nothing relies on it, and what L2 still has is not believed by those who heard of the newer.
func (r *Rooms) RunSecond(ctx context.Context) error {
	s := &r.second
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.some:
		}
		for batch := s.take(); len(batch) > 0 && ctx.Err() == nil; batch = s.take() {
			what := OfferedL2
			if err := s.port.Offer(ctx, batch); err != nil {
				what = DroppedL2
			}
			s.count(what, len(batch))
		}
	}
}
