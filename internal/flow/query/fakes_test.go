package query_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("the database is down")

// views is room_c in a map. hold, when set, is called in each query after it has read.
type views struct {
	mu    sync.Mutex
	cards map[ident.RoomID]view.RoomCard
	areas []view.Area
	err   error
	loads int
	hold  func()
}

func (v *views) put(cards ...view.RoomCard) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range cards {
		v.cards[c.ID] = c
	}
}

func (v *views) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.err = err
}

func (v *views) slow(hold func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hold = hold
}

func (v *views) queries() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.loads
}

// read takes a committed snapshot, then waits as a slow database does before it answers.
func (v *views) read(ctx context.Context, takes func(view.RoomCard) bool) ([]view.RoomCard, error) {
	v.mu.Lock()
	v.loads++
	var out []view.RoomCard
	for _, c := range v.cards {
		if takes(c) {
			out = append(out, c)
		}
	}
	err, hold := v.err, v.hold
	v.mu.Unlock()
	if hold != nil {
		hold()
	}
	if err == nil {
		err = ctx.Err()
	}
	return out, err
}

func (v *views) Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error) {
	wanted := map[ident.RoomID]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	return v.read(ctx, func(c view.RoomCard) bool { return wanted[c.ID] })
}

func (v *views) ByAnchor(ctx context.Context, a ident.AnchorID, _ int) ([]view.RoomCard, error) {
	return v.read(ctx, func(c view.RoomCard) bool { return c.AnchorID == a })
}

func (v *views) OnAir(ctx context.Context, yield func(view.RoomCard) bool) error {
	cards, err := v.read(ctx, func(c view.RoomCard) bool { return c.OnAir() })
	for _, c := range cards {
		if err != nil || !yield(c) {
			break
		}
	}
	return err
}

func (v *views) Newest(ctx context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error) {
	cards, err := v.read(ctx, func(c view.RoomCard) bool { return before == 0 || c.ID < before })
	slices.SortFunc(cards, func(a, b view.RoomCard) int { return cmp.Compare(b.ID, a.ID) })
	return cards[:min(len(cards), limit)], err
}

func (v *views) Areas(context.Context) ([]view.Area, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.loads++
	return v.areas, v.err
}

// cache is L1 in a map; evict drops an entry as pressure would.
type cache struct {
	mu      sync.RWMutex
	entries map[ident.RoomID]*query.Entry
	room    int // for so many entries; 0 for any
}

func (c *cache) Get(id ident.RoomID) (*query.Entry, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.entries[id]
	return e, ok
}

func (c *cache) Put(e *query.Entry) *query.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.entries[e.ID]; ok && old.Version > e.Version {
		return old
	}
	c.entries[e.ID] = e
	return e
}

func (c *cache) Spare() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.room == 0 || len(c.entries) < c.room
}

func (c *cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
}

func (c *cache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}

func (c *cache) evict(id ident.RoomID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, id)
}

// proof is what the projector can prove.
type proof struct {
	mu         sync.Mutex
	provenAt   time.Time
	incomplete bool
	heldSince  time.Time
}

func (p *proof) ProvenAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.provenAt
}

func (p *proof) Held(ident.RoomID) (time.Time, bool) { return p.heldSince, !p.heldSince.IsZero() }

func (p *proof) Complete() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.incomplete
}

func (p *proof) set(complete bool, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.incomplete, p.provenAt = !complete, at
}

// house is the package under test with its surroundings.
type house struct {
	*query.Rooms
	views *views
	cache *cache
	proof *proof
}

func newHouse() *house {
	h := &house{
		views: &views{cards: map[ident.RoomID]view.RoomCard{}},
		cache: &cache{entries: map[ident.RoomID]*query.Entry{}},
		proof: &proof{},
	}
	h.Rooms = query.New(query.Config{Cache: h.cache, Views: h.views, Freshness: h.proof, Now: time.Now})
	return h
}

// commit is what the projector does: the transaction first, then Changed.
func (h *house) commit(cards ...view.RoomCard) {
	h.views.put(cards...)
	h.Changed(cards, nil, false)
}

func card(id ident.RoomID, version ident.Version) view.RoomCard {
	return view.RoomCard{ID: id, AnchorID: 42, Version: version, Title: "t"}
}

func liveCard(id ident.RoomID, version ident.Version, started int64) view.RoomCard {
	c := card(id, version)
	c.Live = view.LiveState{Status: view.Live, StartedAt: time.UnixMilli(started).UTC()}
	return c
}

func wantFault(t testing.TB, err error, code *fault.Code) *fault.Error {
	t.Helper()
	if !errors.Is(err, code) {
		t.Fatalf("got error %v, want %s", err, code.Name)
	}
	return fault.Of(err)
}
