package query_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// shared is an L2 that may do what Redis may: fail, with or without having stored, hang, and come back with what it
// had a while ago. Nothing expires, which is harder on those who read.
type shared struct {
	mu      sync.Mutex
	rooms   map[ident.RoomID]query.Kept
	before  map[ident.RoomID]query.Kept
	down    error
	hang    chan struct{} // Offer waits until it is closed
	fetches int
	offers  int
}

func newShared() *shared { return &shared{rooms: map[ident.RoomID]query.Kept{}} }

func (s *shared) Fetch(_ context.Context, ids []ident.RoomID) (out []query.Kept, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	for _, id := range ids {
		if k, ok := s.rooms[id]; ok {
			out = append(out, k)
		}
	}
	return out, s.down
}

func (s *shared) Offer(_ context.Context, entries []query.Kept) error {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offers++
	for _, k := range entries {
		if have, ok := s.rooms[k.ID]; (!ok || k.Newer(have)) && s.down == nil {
			s.rooms[k.ID] = k
		}
	}
	return s.down
}

func (s *shared) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// duo is a node with an L2, in a bubble.
type duo struct {
	*house
	l2 *shared

	mu     sync.Mutex
	counts map[string]int
}

func (d *duo) count(what string, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts[what] += n
}

func (d *duo) counted(what string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts[what]
}

// withSecond runs the test on a node that has an L2, ten seconds after its start.
func withSecond(t *testing.T, test func(*testing.T, *duo)) {
	synctest.Test(t, func(t *testing.T) {
		d := &duo{house: newHouse(), l2: newShared(), counts: map[string]int{}}
		d.Rooms = query.New(query.Config{
			Cache: d.cache, Views: d.views, Second: d.l2, Freshness: d.proof, Now: time.Now,
			CountBehind: d.count,
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = d.RunSecond(ctx) })
		defer running.Wait()
		defer cancel()
		time.Sleep(10 * time.Second)
		test(t, d)
	})
}

// at is a card that changed now.
func at(id ident.RoomID, version ident.Version) view.RoomCard {
	c := card(id, version)
	c.UpdatedAt = time.Now()
	return c
}

func (d *duo) reads(t *testing.T, id ident.RoomID, want ident.Version, queries int) {
	t.Helper()
	e, err := d.Get(t.Context(), id, 0)
	if err != nil || e.Version != want {
		t.Fatalf("got %v, %v, want version %d", e, err, want)
	}
	if n := d.views.queries(); n != queries {
		t.Fatalf("%d queries of L3, want %d", n, queries)
	}
}

func TestWhatAnotherNodeLoadedIsNotLoadedAgain(t *testing.T) {
	withSecond(t, func(t *testing.T, d *duo) {
		d.views.put(card(1, 3))
		d.proof.set(true, time.Now())
		d.reads(t, 1, 3, 1)
		synctest.Wait() // L2 is told
		d.cache.evict(1)
		d.reads(t, 1, 3, 1)
		d.reads(t, 1, 3, 1) // from L1
		if d.counted(query.FoundL2) != 1 || d.counted(query.MissedL2) != 1 || d.counted(query.LoadedL3) != 1 || d.l2.fetches != 2 {
			t.Errorf("%v, %d fetches", d.counts, d.l2.fetches)
		}
	})
}

func TestEventsReachL2(t *testing.T) {
	withSecond(t, func(t *testing.T, d *duo) {
		d.commit(at(1, 3))
		synctest.Wait()
		d.cache.evict(1)
		d.reads(t, 1, 3, 0)
	})
}

func TestAnL2ThatLostAWriteIsNotBelieved(t *testing.T) {
	withSecond(t, func(t *testing.T, d *duo) {
		d.commit(at(1, 3))
		synctest.Wait()
		d.l2.set(func() { d.l2.down = errDown })
		d.commit(at(1, 4))
		synctest.Wait()
		d.l2.set(func() { d.l2.down = nil })
		d.cache.evict(1)
		d.reads(t, 1, 4, 1)
		if d.counted(query.DoubtedL2) != 1 || d.counted(query.DroppedL2) != 1 {
			t.Errorf("%v", d.counts)
		}
	})
}

func TestWhatIsFromBeforeTheStartIsNotBelieved(t *testing.T) {
	withSecond(t, func(t *testing.T, d *duo) {
		old := card(1, 3)
		d.l2.rooms[1] = query.Kept{Entry: query.NewEntry(&old), Proven: time.Now().Add(-11 * time.Second)}
		d.views.put(card(1, 4)) // the event was another process's, which died before it told L2
		d.reads(t, 1, 4, 1)
	})
}

// L3 may know a change before its event comes. Once shown, it stays.
func TestL2DoesNotLeadBackBehindL3(t *testing.T) {
	withSecond(t, func(t *testing.T, d *duo) {
		d.commit(at(1, 3))
		synctest.Wait()
		d.l2.set(func() { d.l2.down = errDown })
		d.cache.evict(1)
		d.views.put(at(1, 4))
		d.reads(t, 1, 4, 1)
		synctest.Wait()
		d.l2.set(func() { d.l2.down = nil })
		d.cache.evict(1)
		d.reads(t, 1, 4, 2)
	})
}

func TestL2ProvesNoAbsence(t *testing.T) {
	withSecond(t, func(t *testing.T, d *duo) {
		_, err := d.Get(t.Context(), 1, 0)
		wantFault(t, err, fault.RoomNotFound)
		if n := d.views.queries(); n != 1 {
			t.Errorf("%d queries of L3", n)
		}
	})
}

func TestAResetMakesL2Void(t *testing.T) {
	withSecond(t, func(t *testing.T, d *duo) {
		d.commit(at(1, 9))
		synctest.Wait()
		d.views.put(card(1, 2)) // another world: versions begin anew
		d.Changed(nil, nil, true)
		d.reads(t, 1, 2, 1)
	})
}

func TestWithoutL2L3Answers(t *testing.T) {
	withSecond(t, func(t *testing.T, d *duo) {
		d.l2.down = errDown
		d.views.put(card(1, 3))
		d.reads(t, 1, 3, 1)
		d.views.fail(errDown)
		_, err := d.Get(t.Context(), 2, 0)
		wantFault(t, err, fault.StoreUnavailable)
		d.reads(t, 1, 3, 2) // resident
		if d.counted(query.FailedL2) != 2 {
			t.Errorf("%v", d.counts)
		}
	})
}

func TestEventsDoNotWaitForL2(t *testing.T) {
	withSecond(t, func(t *testing.T, d *duo) {
		hang := make(chan struct{})
		d.l2.set(func() { d.l2.hang = hang })
		from := time.Now()
		const rooms = 20_000
		for version := range ident.Version(3) {
			for id := range ident.RoomID(rooms) {
				d.Changed([]view.RoomCard{at(id+1, version+1)}, nil, false)
			}
		}
		if took := time.Since(from); took != 0 {
			t.Errorf("60,000 events waited %v", took)
		}
		close(hang)
		synctest.Wait()
		if n := d.counted(query.OfferedL2); n < 8192 || n > 8192+256 {
			t.Errorf("%d rooms were kept for L2 to come back", n)
		}
		if n := d.counted(query.OfferedL2) + d.counted(query.DroppedL2); n < rooms {
			t.Errorf("%d rooms of %d are accounted for", n, rooms)
		}
		old := 0
		for _, k := range d.l2.rooms {
			if k.Version != 3 {
				old++
			}
		}
		if old > 256 { // a batch was under way
			t.Errorf("%d rooms were written with an old version", old)
		}
	})
}

// What no story above thought of: two nodes that hear of changes late, an L3 that knows them before or after,
// and an L2 that loses, keeps and brings back what it likes. No node ever goes back, and none claims a
// freshness that was not so.
func TestNothingL2DoesMakesANodeLie(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { newWeather(t, seed).run(400) })
	}
}

// weather is the world of that test. Times are the bubble's; the nodes' clocks differ from it.
type weather struct {
	t     *testing.T
	seed  uint64
	rng   *rand.Rand
	log   []view.RoomCard                              // what B committed
	held  int                                          // L3 has the log up to here
	since map[ident.RoomID]map[ident.Version]time.Time // when each version was committed
	l2    *shared
	nodes []*node
}

type node struct {
	*query.Rooms
	*proof
	cache   *cache
	off     time.Duration // its clock's error
	applied int
	shown   map[ident.RoomID]ident.Version
}

func newWeather(t *testing.T, seed uint64) *weather {
	w := &weather{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 3)), since: map[ident.RoomID]map[ident.Version]time.Time{}, l2: newShared()}
	for range 2 {
		w.start(time.Duration(w.rng.Int64N(int64(time.Second))))
	}
	return w
}

func (w *weather) start(off time.Duration) {
	n := &node{proof: &proof{}, cache: &cache{entries: map[ident.RoomID]*query.Entry{}}, off: off, applied: w.held, shown: map[ident.RoomID]ident.Version{}}
	n.Rooms = query.New(query.Config{Cache: n.cache, Views: zone{weather: w}, Second: w.l2, Freshness: n.proof, Now: n.now})
	w.nodes = append(w.nodes, n)
}

func (n *node) now() time.Time { return time.Now().Add(n.off) }

// zone is room_c, which both nodes read.
type zone struct {
	query.Views // nobody asks for the rest
	*weather
}

func (z zone) Cards(_ context.Context, ids []ident.RoomID) (out []view.RoomCard, err error) {
	for _, id := range ids {
		var newest view.RoomCard
		for _, c := range z.log[:z.held] {
			if c.ID == id {
				newest = c
			}
		}
		if newest.ID != 0 {
			out = append(out, newest)
		}
	}
	return out, nil
}

func (w *weather) run(steps int) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for _, n := range w.nodes {
		running.Go(func() { _ = n.RunSecond(ctx) })
	}
	for step := range steps {
		w.step()
		synctest.Wait()
		if w.t.Failed() {
			w.t.Fatalf("seed %d, step %d", w.seed, step)
		}
	}
}

func (w *weather) step() {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	id := ident.RoomID(w.rng.IntN(3) + 1)
	switch w.rng.IntN(12) {
	case 0, 1:
		w.commit(id)
	case 2, 3:
		w.held += w.rng.IntN(len(w.log) - w.held + 1)
	case 4, 5: // a node hears of what L3 has
		n.hear(w.log[n.applied : n.applied+w.rng.IntN(w.held-n.applied+1)])
	case 6: // and proves that it has heard of all, when it has
		if n.applied == len(w.log) {
			n.proof.set(true, n.now())
		}
	case 7:
		n.cache.evict(id)
	case 8:
		w.storm()
	case 9:
		time.Sleep(time.Duration(w.rng.Int64N(int64(20 * time.Second))))
		for _, n := range w.nodes { // late, but not later than what was heard is remembered
			for n.applied < w.held && time.Since(w.log[n.applied].UpdatedAt) > query.SecondLife/2 {
				n.hear(w.log[n.applied : n.applied+1])
			}
		}
	default:
		w.look(n, id)
	}
}

func (n *node) hear(cards []view.RoomCard) {
	for i := range cards {
		n.Changed(cards[i:i+1], nil, false)
		n.applied++
	}
}

func (w *weather) commit(id ident.RoomID) {
	versions := w.since[id]
	if versions == nil {
		versions = map[ident.Version]time.Time{}
		w.since[id] = versions
	}
	c := at(id, ident.Version(len(versions)+1))
	versions[c.Version] = c.UpdatedAt
	w.log = append(w.log, c)
	time.Sleep(time.Millisecond)
}

// storm is what happens to L2, and to a node that is reset.
func (w *weather) storm() {
	w.l2.set(func() {
		switch w.rng.IntN(5) {
		case 0:
			w.l2.down = errDown
		case 1, 2:
			w.l2.down = nil
		case 3:
			w.l2.before = maps.Clone(w.l2.rooms)
		case 4: // a replica takes over
			if w.l2.before != nil {
				w.l2.rooms = maps.Clone(w.l2.before)
			}
		}
	})
	if w.rng.IntN(20) == 0 {
		n := w.nodes[w.rng.IntN(len(w.nodes))]
		n.Changed(nil, nil, true)
		clear(n.shown) // after a reset it may be another world's versions
	}
}

func (w *weather) look(n *node, id ident.RoomID) {
	e, err := n.Get(w.t.Context(), id, 0)
	if err != nil {
		return // not there yet
	}
	if e.Version < n.shown[id] {
		w.t.Errorf("room %d went back from version %d to %d", id, n.shown[id], e.Version)
	}
	n.shown[id] = e.Version
	// The next version must not have been there yet at the moment for which the answer vouches.
	vouched := time.Now().Add(-n.Age(e) - n.off.Abs())
	if next, ok := w.since[id][e.Version+1]; ok && next.Before(vouched) {
		w.t.Errorf("room %d version %d is said to be %v old, version %d came %v ago", id, e.Version, n.Age(e), e.Version+1, time.Since(next))
	}
}
