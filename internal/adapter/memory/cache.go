package memory

import (
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// Cache is query.Cache in a map: nothing is ever evicted. Safe for concurrent use.
type Cache struct {
	mu    sync.RWMutex
	rooms map[ident.RoomID]*query.Entry
}

// NewCache makes an empty cache.
func NewCache() *Cache { return &Cache{rooms: map[ident.RoomID]*query.Entry{}} }

// Get is query.Cache.
func (c *Cache) Get(id ident.RoomID) (*query.Entry, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, found := c.rooms[id]
	return e, found
}

// Put is query.Cache.
func (c *Cache) Put(e *query.Entry) *query.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if have := c.rooms[e.ID]; have != nil && have.Version > e.Version {
		return have
	}
	c.rooms[e.ID] = e
	return e
}

// Spare is query.Cache.
func (*Cache) Spare() bool { return true }

// Clear is query.Cache.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.rooms)
}

// Len is query.Cache.
func (c *Cache) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.rooms)
}
