package query

import (
	"github.com/tidwall/btree"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Sort is an order of the live list.
type Sort uint8

// The closed set of orders; ties are broken by id.
const (
	ByStarted Sort = iota // newest first
	ByOnline              // largest first
	sorts
)

// ParseSort reads the name of an order; "" is ByStarted.
func ParseSort(s string) (Sort, bool) {
	switch s {
	case "", "started":
		return ByStarted, true
	case "online":
		return ByOnline, true
	}
	return 0, false
}

// onAir is a room on the board. Never changed.
type onAir struct {
	entry   *Entry
	started int64 // Unix milliseconds
	online  int64
	area    ident.AreaID
	tags    []string
}

func (o *onAir) key(s Sort) int64 {
	if s == ByOnline {
		return o.online
	}
	return o.started
}

// row is a place in one order: larger keys first.
type row struct {
	key  int64
	id   ident.RoomID
	room *onAir
}

func before(a, b row) bool {
	if a.key != b.key {
		return a.key > b.key
	}
	return a.id < b.id
}

// order is a copy-on-write tree: a copy costs as much as a pointer, and stays as it was.
type order = btree.BTreeG[row]

// board is the set of rooms on air in every order. Not safe for concurrent use.
type board struct {
	rooms  map[ident.RoomID]*onAir
	orders [sorts]*order
	// changes counts, so that an unchanged board is not cut again.
	changes int
	// ended, while the board is being filled, remembers rooms that an event took off the air, lest
	// the fill puts them back from what it read before.
	ended map[ident.RoomID]ident.Version
}

func newBoard() *board {
	b := &board{rooms: map[ident.RoomID]*onAir{}, ended: map[ident.RoomID]ident.Version{}}
	for s := range b.orders {
		b.orders[s] = btree.NewBTreeGOptions(before, btree.Options{NoLocks: true})
	}
	return b
}

// apply puts a card on the board, moves it, or takes it off; older versions change nothing.
func (b *board) apply(c *view.RoomCard, e *Entry) {
	old := b.rooms[c.ID]
	if old != nil && old.entry.Version > c.Version || b.ended[c.ID] > c.Version {
		return
	}
	if old != nil {
		b.remove(c.ID, old)
	}
	switch {
	case c.OnAir():
		b.insert(c.ID, &onAir{
			entry: e, started: c.Live.StartedAt.UnixMilli(), online: c.Audience.Online, area: c.AreaID, tags: c.Tags,
		})
	case b.ended != nil:
		b.ended[c.ID] = c.Version
	}
}

// filled ends the fill: from now on events come in order and need no tombstones.
func (b *board) filled() { b.ended = nil }

func (b *board) insert(id ident.RoomID, o *onAir) {
	b.rooms[id] = o
	for s, tree := range b.orders {
		tree.Set(row{o.key(Sort(s)), id, o})
	}
	b.changes++
}

func (b *board) remove(id ident.RoomID, o *onAir) {
	delete(b.rooms, id)
	for s, tree := range b.orders {
		tree.Delete(row{key: o.key(Sort(s)), id: id})
	}
	b.changes++
}
