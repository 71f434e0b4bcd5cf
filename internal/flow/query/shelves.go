package query

import (
	"strings"
	"sync/atomic"

	"github.com/tidwall/btree"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// label says what the rooms of a shelf share: what can be asked for stands together, so that a rare
// tag costs as little as a common one. The zero label is that of all rooms.
type label struct {
	kind byte
	area ident.AreaID
	text string
}

func areaLabel(id ident.AreaID) label { return label{kind: 'a', area: id} }
func tagLabel(tag string) label       { return label{kind: 't', text: tag} }

// languageLabel takes any spelling: letter case means nothing in a BCP 47 tag.
func languageLabel(tag string) label { return label{kind: 'l', text: strings.ToLower(tag)} }

// appendLabels appends what a room can be found by. A language is found by its prefixes too, as RFC
// 4647 (basic filtering) has it: who asks for "zh" gets "zh-Hans". What is below an area is found when
// it is asked for, because areas move.
func appendLabels(to []label, c *view.RoomCard) []label {
	to = append(to, label{})
	if c.AreaID != 0 {
		to = append(to, areaLabel(c.AreaID))
	}
	for end := 0; end < len(c.Language); end++ {
		if i := strings.IndexByte(c.Language[end:], '-'); i >= 0 {
			end += i
		} else {
			end = len(c.Language)
		}
		to = append(to, languageLabel(c.Language[:end]))
	}
	for _, tag := range c.Tags {
		to = append(to, tagLabel(tag)) // no tag stands twice on a card
	}
	return to
}

// moment counts the changes of a board.
type moment uint64

// stay is how long a room keeps its place in one order: it is there in all snapshots from the one to
// before the other. Only until ever changes, once, to a moment that no snapshot has seen yet: readers
// of snapshots need no lock.
type stay struct {
	id      ident.RoomID
	key     int64
	shelves []*shelf
	from    moment
	until   atomic.Uint64 // a moment; 0 while it lasts
}

func (s *stay) seenAt(m moment) bool {
	until := moment(s.until.Load())
	return s.from <= m && (until == 0 || m < until)
}

// row is a stay in an order. The key stands in it too, that a search need not follow pointers.
type row struct {
	key  int64
	id   ident.RoomID
	stay *stay
}

// before sorts larger keys first.
func before(a, b row) bool {
	if a.key != b.key {
		return a.key > b.key
	}
	if a.id != b.id {
		return a.id < b.id
	}
	return a.stay.from < b.stay.from
}

// order is a copy-on-write tree: a copy costs as much as a pointer, and stays as it was.
type order = btree.BTreeG[row]

// degree of the trees: small nodes, because a write after a copy copies each node on its way down.
const degree = 16

// shelf is the rooms of one label in every order, and those that have left while a snapshot still
// shows them.
type shelf struct {
	label  label
	rooms  int // now
	orders [sorts]*order
}

func newShelf(l label) *shelf {
	sh := &shelf{label: l}
	for s := range sh.orders {
		sh.orders[s] = btree.NewBTreeGOptions(before, btree.Options{NoLocks: true, Degree: degree})
	}
	return sh
}

func (sh *shelf) empty() bool {
	for _, o := range sh.orders {
		if o.Len() > 0 {
			return false
		}
	}
	return true
}
