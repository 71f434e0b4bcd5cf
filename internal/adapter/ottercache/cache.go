// Package ottercache is L1: the encoded rooms of this process, those on air and the rest.
//
// It guarantees that an older version never replaces a newer resident one, however many
// writers race (a room's writers go one after the other), and that a room on air is never evicted.
// Rooms off air share a bound in bytes; which of them stay is otter's choice (W-TinyLFU), so a
// crawl over old rooms does not push out those that viewers ask for.
//
// A room lies in one of two maps: those on air in one without a policy, the rest in otter's bounded cache.
// In one cache, pinned by weight zero, rooms on air cost every eviction a walk over those it meets: with
// 200,000 of them an insert into the full cache took 30 µs; now it takes 1 µs beside any number. The price is
// a second look for rooms off air, a few nanoseconds; most reads are of rooms on air.
//
// Get does not wait for writers and does not allocate. The cache holds no clock and no TTL: entries
// leave by eviction or by Clear, freshness is judged by who reads. It starts no goroutine of its
// own beyond otter's maintenance, which runs on the writers' side and ends when it has nothing to do.
package ottercache

import (
	"math"
	"sync"

	"github.com/maypok86/otter/v2"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// writers is how many rooms may be put at the same time without meeting at a lock. A power of two.
const writers = 256

type rooms = otter.Cache[ident.RoomID, *query.Entry]

// Cache is a query.Cache. Safe for concurrent use.
type Cache struct {
	onAir *rooms // unbounded: otter keeps no policy for it
	rest  *rooms
	// writing orders the writers of a room; readers never take it.
	writing [writers]sync.Mutex
}

var _ query.Cache = (*Cache)(nil)

// New makes a cache whose rooms off air together keep at most maxBytes, which must be positive.
// Rooms on air come on top: their number is bounded by the broadcasters, not by the readers.
func New(maxBytes int64) (*Cache, error) {
	onAir, err := otter.New(&otter.Options[ident.RoomID, *query.Entry]{})
	if err != nil {
		return nil, err
	}
	rest, err := otter.New(&otter.Options[ident.RoomID, *query.Entry]{
		MaximumWeight: uint64(max(maxBytes, 0)),
		Weigher: func(_ ident.RoomID, e *query.Entry) uint32 {
			return uint32(min(e.Size(), math.MaxUint32))
		},
	})
	if err != nil {
		return nil, err
	}
	return &Cache{onAir: onAir, rest: rest}, nil
}

// Get finds a resident entry.
func (c *Cache) Get(id ident.RoomID) (*query.Entry, bool) {
	if e, ok := c.onAir.GetIfPresent(id); ok {
		return e, true
	}
	if e, ok := c.rest.GetIfPresent(id); ok {
		return e, true
	}
	return c.onAir.GetIfPresent(id) // it went live between the two looks
}

// Put stores e unless a newer version is resident, and returns the resident one. An equal
// version replaces: the audience counters move without it.
//
// A room that goes live or ends moves to the other map, so that what a reader finds is never older than what
// it found before, whatever it is in the middle of: it looks at rooms on air first, so the newest version
// stands there before the one at rest goes; and a room that ends is shown from there until it is at rest.
func (c *Cache) Put(e *query.Entry) *query.Entry {
	lock := &c.writing[uint64(e.ID)*0x9e3779b97f4a7c15>>56]
	lock.Lock()
	defer lock.Unlock()
	pinned, onAir := c.onAir.GetIfPresent(e.ID)
	other, atRest := c.rest.GetEntryQuietly(e.ID) // a write is no sign that viewers ask for it
	if onAir && pinned.Version > e.Version {
		return pinned
	}
	if atRest && other.Value.Version > e.Version {
		return other.Value
	}
	if e.OnAir {
		c.onAir.Set(e.ID, e)
		if atRest {
			c.rest.Invalidate(e.ID)
		}
		return e
	}
	if onAir {
		c.onAir.Set(e.ID, e) // else a reader finds the new version at rest, and next the old one here
	}
	c.rest.Set(e.ID, e)
	if onAir {
		c.onAir.Invalidate(e.ID)
	}
	return e
}

// Spare reports whether more rooms off air would fit. A cache that evicts stays a little below its bound,
// so the last 64th does not count.
func (c *Cache) Spare() bool {
	bound := c.rest.GetMaximum()
	return c.rest.WeightedSize() < bound-bound/64
}

// Clear drops everything.
func (c *Cache) Clear() {
	for i := range c.writing {
		c.writing[i].Lock()
	}
	c.rest.InvalidateAll() // first: of a room that a reader may find in both, this is the older
	c.onAir.InvalidateAll()
	for i := range c.writing {
		c.writing[i].Unlock()
	}
}

// Len is the number of resident entries; for metrics, it may lag behind writers.
func (c *Cache) Len() int { return c.onAir.EstimatedSize() + c.rest.EstimatedSize() }
