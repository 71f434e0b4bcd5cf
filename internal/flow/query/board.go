package query

import (
	"slices"

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

// onAir is what the board knows of a room.
type onAir struct {
	version ident.Version
	session ident.SessionID
	// online is the newest number of viewers; the room's place may lag behind it, see maxMoves.
	online  int64
	shelves []*shelf
	stays   [sorts]*stay
}

// board is the set of rooms on air, on all shelves in every order. Each change is a moment, counted
// from 1; a stay that has ended is kept as long as a snapshot may show it. Not safe for concurrent use.
type board struct {
	rooms   map[ident.RoomID]*onAir
	shelves map[label]*shelf
	now     moment
	// seen is the moment of the newest snapshot: a stay that began after it and has ended is in none.
	seen moment
	past pasts
	// ended, while the board is being filled, remembers rooms that an event took off, lest
	// the fill puts them back from what it read before.
	ended map[ident.RoomID]ident.Version
	// draft is where the labels of a card are worked out.
	draft []label
}

func newBoard() *board {
	return &board{rooms: map[ident.RoomID]*onAir{}, shelves: map[label]*shelf{}, ended: map[ident.RoomID]ident.Version{}}
}

// apply puts a card on the board, moves it, or takes it off; older versions change nothing. It
// reports whether this card is on the board now.
func (b *board) apply(c *view.RoomCard) bool {
	room := b.rooms[c.ID]
	if room != nil && room.version > c.Version || b.ended[c.ID] > c.Version {
		return false
	}
	if !c.OnAir() || !c.Listed() {
		if b.ended != nil {
			b.ended[c.ID] = c.Version
		}
		if room != nil {
			b.takeOff(c.ID, room)
		}
		return false
	}
	if room == nil {
		room = &onAir{}
		b.rooms[c.ID] = room
	}
	room.version, room.session, room.online = c.Version, c.Live.SessionID, c.Audience.Online
	b.put(c, room)
	return true
}

// filled ends the fill: from now on events come in order and need no tombstones.
func (b *board) filled() { b.ended = nil }

// put gives the room its places. Most changes of a room on air move nothing.
func (b *board) put(c *view.RoomCard, room *onAir) {
	b.draft = appendLabels(b.draft[:0], c)
	moved := !slices.EqualFunc(room.shelves, b.draft, func(sh *shelf, l label) bool { return sh.label == l })
	if moved {
		left := room.shelves
		room.shelves = b.enter(b.draft)
		leave(left)
	}
	b.place(c.ID, room, [sorts]int64{ByStarted: c.Live.StartedAt.UnixMilli(), ByOnline: room.online}, moved)
}

// place gives the room its place in each order, on the shelves it is on.
func (b *board) place(id ident.RoomID, room *onAir, keys [sorts]int64, moved bool) {
	if !moved && room.stays[ByStarted].key == keys[ByStarted] && room.stays[ByOnline].key == keys[ByOnline] {
		return
	}
	b.now++
	for s, old := range room.stays {
		if old != nil && !moved && old.key == keys[s] {
			continue
		}
		st := &stay{id: id, key: keys[s], shelves: room.shelves, from: b.now}
		for _, sh := range st.shelves {
			sh.orders[s].Set(row{st.key, st.id, st})
		}
		room.stays[s] = st
		if old != nil {
			b.end(Sort(s), old)
		}
	}
}

func (b *board) takeOff(id ident.RoomID, room *onAir) {
	b.now++
	leave(room.shelves)
	for s, st := range room.stays {
		b.end(Sort(s), st)
	}
	delete(b.rooms, id)
}

// enter counts a room in on the shelves of its labels.
func (b *board) enter(labels []label) []*shelf {
	out := make([]*shelf, len(labels))
	for i, l := range labels {
		sh := b.shelves[l]
		if sh == nil {
			sh = newShelf(l)
			b.shelves[l] = sh
		}
		sh.rooms++
		out[i] = sh
	}
	return out
}

func leave(shelves []*shelf) {
	for _, sh := range shelves {
		sh.rooms--
	}
}

// end ends a stay; its rows go when no snapshot can show them.
func (b *board) end(s Sort, st *stay) {
	if st.from > b.seen {
		b.erase(s, st)
		return
	}
	st.until.Store(uint64(b.now))
	b.past.add(past{st, s})
}

func (b *board) erase(s Sort, st *stay) {
	for _, sh := range st.shelves {
		sh.orders[s].Delete(row{st.key, st.id, st})
		if sh.rooms == 0 && sh.empty() {
			delete(b.shelves, sh.label)
		}
	}
}

// sweep erases at most limit of the stays that ended before or at oldest, the moment of the oldest
// snapshot: a few with each change, so that none waits for the rest.
func (b *board) sweep(oldest moment, limit int) {
	for range limit {
		if !b.past.ready(oldest) {
			return
		}
		p := b.past.take()
		b.erase(p.sort, p.stay)
	}
}

// past is a stay that has ended, and in which order.
type past struct {
	*stay
	sort Sort
}

// pasts is a queue of stays, in the order in which they ended.
type pasts struct {
	list  []past
	taken int // of the list, from its front
}

func (p *pasts) len() int { return len(p.list) - p.taken }

func (p *pasts) add(one past) { p.list = append(p.list, one) }

// ready reports whether there is a stay that no snapshot from oldest on shows.
func (p *pasts) ready(oldest moment) bool {
	return p.len() > 0 && moment(p.list[p.taken].until.Load()) <= oldest
}

func (p *pasts) take() past {
	one := p.list[p.taken]
	p.list[p.taken] = past{}
	// The gap in front is closed when it is half of the list: each element moves about once.
	if p.taken++; 2*p.taken >= len(p.list) {
		n := copy(p.list, p.list[p.taken:])
		clear(p.list[n:])
		p.list, p.taken = p.list[:n], 0
	}
	return one
}
