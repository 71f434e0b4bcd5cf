package query

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// The audience of a room is counted on the C side and is in no event and no view: what is told of it is laid over
// the cards in L1, and moves the rooms on the live list, while the version stays.
//
// What was told is kept by session, so that it meets its session's card in whichever order the two come, and
// no count of a broadcast is ever shown with another.

const (
	// countsPart is how many rooms are brought up to date under one lock: whoever waits for it, a list, a cold room or an
	// event, waits for well under a millisecond.
	countsPart = 128
	// maxMoves bounds the rooms that change their places on the live list with one telling. Each leaves its old place
	// behind for the snapshots that show it, and a minute of moves must fit what is kept of the past (fewPast), or
	// crawlers lose their snapshots. Those that moved the most go first: where a room stays behind, its
	// place is off by no more viewers than those of any that moved.
	maxMoves = 4096
	// earlyLife is how long a count waits for the card of its session, and stays after the session's end. The event takes
	// milliseconds, or the time of an outage; the last point of a chart is taken within a minute.
	earlyLife = 2 * time.Minute
)

// counts is the newest count of each session. Its lock is the innermost of this package.
type counts struct {
	mu        sync.Mutex
	bySession map[ident.SessionID]view.Count
	// asOf is the moment up to which all is told: of what is not told again, nothing has changed.
	asOf time.Time

	// late are rooms that wait for their places, of Counted only; waiting is how many.
	late    []ident.RoomID
	waiting atomic.Int64
}

func (c *counts) init() { c.bySession = map[ident.SessionID]view.Count{} }

// of finds the count of a session; 0 has none.
func (c *counts) of(session ident.SessionID) (view.Count, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.bySession[session]
	return n, ok
}

// take keeps what is newer than what was told before, and appends it to to.
func (c *counts) take(told, to []view.Count) []view.Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range told {
		if have, known := c.bySession[n.Session]; !known || n.AsOf.After(have.AsOf) {
			c.bySession[n.Session] = n
			to = append(to, n)
		}
		if n.AsOf.After(c.asOf) {
			c.asOf = n.AsOf
		}
	}
	return to
}

// unchanged: at this moment all counts are still what was told before.
func (c *counts) unchanged(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asOf = at
}

// quiet looks at so many counts, other ones each time, and returns those that have not moved for a while.
func (c *counts) quiet(looks int, now time.Time) (found []view.Count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.bySession { // begins anywhere
		if looks--; looks < 0 {
			break
		}
		if now.Sub(n.AsOf) > earlyLife {
			found = append(found, n)
		}
	}
	return found
}

func (c *counts) forget(ended []view.Count) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range ended {
		delete(c.bySession, n.Session)
	}
}

// over is the cards with the counts of their sessions. The cards themselves are the caller's.
func (c *counts) over(cards []view.RoomCard) []view.RoomCard {
	c.mu.Lock()
	defer c.mu.Unlock()
	cloned := false
	for i := range cards {
		n, ok := c.bySession[cards[i].Live.SessionID]
		if !ok || !cards[i].OnAir() {
			continue
		}
		if !cloned {
			cards, cloned = slices.Clone(cards), true
		}
		cards[i].Audience = n.Card()
	}
	return cards
}

// Counted takes in what was counted of rooms, in any order; what is older than what was told before changes nothing. When
// it returns, cards show it, and the live list follows but for the bound of maxMoves, which the next call goes on with.
// One caller, about once a second, also when there is nothing to tell; readers do not wait for it.
func (r *Rooms) Counted(told []view.Count) {
	c := &r.counts
	fresh := make([]view.Count, 0, len(told))
	for part := range slices.Chunk(told, countsPart) {
		from := len(fresh)
		fresh = r.recount(part, fresh)
		r.live.recount(fresh[from:])
	}
	// For each count that comes in two are looked at: what has ended cannot pile up.
	c.forget(r.live.ended(c.quiet(2*len(told), r.now())))
	moves := c.late
	for i := range fresh {
		moves = append(moves, fresh[i].Room)
	}
	if len(told) == 0 {
		c.unchanged(r.now())
	}
	c.late = r.live.reorder(moves, r.now)
	c.waiting.Store(int64(len(c.late)))
}

// recount lays counts over L1, and appends those that are news to fresh.
func (r *Rooms) recount(told, fresh []view.Count) []view.Count {
	f := &r.fills
	f.mu.Lock()
	defer f.mu.Unlock()
	from := len(fresh)
	fresh = r.counts.take(told, fresh)
	for i := from; i < len(fresh); i++ {
		if e, ok := r.cache.Get(fresh[i].Room); ok && e.OnAir && e.Session == fresh[i].Session {
			r.cache.Put(e.recounted(&fresh[i]))
		}
	}
	return fresh
}

// keep puts an entry into L1 with the newest count of its session. fills.mu is held, as by whoever counts: what was counted
// while the entry was on its way is not lost.
func (r *Rooms) keep(e *Entry) *Entry {
	if e.OnAir {
		if n, ok := r.counts.of(e.Session); ok {
			e = e.recounted(&n)
		}
	}
	return r.cache.Put(e)
}

// CountedSessions is how many sessions' counts are kept.
func (r *Rooms) CountedSessions() int {
	r.counts.mu.Lock()
	defer r.counts.mu.Unlock()
	return len(r.counts.bySession)
}

// LateRooms is how many rooms wait for their places in the live list by viewers, see maxMoves.
func (r *Rooms) LateRooms() int { return int(r.counts.waiting.Load()) }

// Session is the broadcast that is on air in a room; false when there is none, or the room is not in memory, where all
// are that are on air.
func (r *Rooms) Session(room ident.RoomID) (ident.SessionID, bool) {
	e, ok := r.cache.Get(room)
	if !ok || !e.OnAir {
		return 0, false
	}
	return e.Session, true
}

// shows reports whether the card of a count's session is on air.
func (r *Rooms) shows(n view.Count) bool {
	session, ok := r.Session(n.Room)
	return ok && session == n.Session
}

// Counts are the newest counts of the sessions on air that have viewers, and of all that moved since a moment, ended
// ones too; in any order.
func (r *Rooms) Counts(since time.Time) []view.Count {
	c := &r.counts
	c.mu.Lock()
	all := make([]view.Count, 0, len(c.bySession))
	for _, n := range c.bySession {
		if n.Online > 0 || !n.AsOf.Before(since) {
			all = append(all, n)
		}
	}
	c.mu.Unlock()
	return slices.DeleteFunc(all, func(n view.Count) bool { return n.AsOf.Before(since) && !r.shows(n) })
}

// move is a room that is not at its place on the live list.
type move struct {
	id   ident.RoomID
	step int64 // how many viewers its place is off by
}

// recount notes the numbers of viewers on the boards; places change with reorder.
func (l *liveList) recount(told []view.Count) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.boards() {
		for i := range told {
			if room := b.rooms[told[i].Room]; room != nil && room.session == told[i].Session {
				room.online = told[i].Online
			}
		}
	}
}

// ended is the counts whose sessions are not on air. While the list is being filled that cannot be said of any.
func (l *liveList) ended(quiet []view.Count) []view.Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown == nil || l.next != nil {
		return nil
	}
	return slices.DeleteFunc(quiet, func(n view.Count) bool {
		room := l.shown.rooms[n.Room]
		return room != nil && room.session == n.Session
	})
}

// reorder moves rooms to their places, and returns those that are beyond maxMoves.
func (l *liveList) reorder(ids []ident.RoomID, now func() time.Time) (late []ident.RoomID) {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var moves []move
	for part := range slices.Chunk(ids, countsPart) {
		moves = l.steps(part, moves)
	}
	if len(moves) > maxMoves {
		slices.SortFunc(moves, func(a, b move) int { return cmp.Compare(b.step, a.step) })
		for _, m := range moves[maxMoves:] {
			late = append(late, m.id)
		}
		moves = moves[:maxMoves]
	}
	for part := range slices.Chunk(moves, countsPart) {
		l.move(part, now())
	}
	return late
}

// steps appends how far the rooms are from their places, those that are not there.
func (l *liveList) steps(ids []ident.RoomID, to []move) []move {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		step := int64(0)
		for _, b := range l.boards() {
			if room := b.rooms[id]; room != nil {
				step = max(step, room.online-room.stays[ByOnline].key, room.stays[ByOnline].key-room.online)
			}
		}
		if step > 0 {
			to = append(to, move{id, step})
		}
	}
	return to
}

func (l *liveList) move(moves []move, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.boards() {
		for _, m := range moves {
			if room := b.rooms[m.id]; room != nil {
				b.place(m.id, room, [sorts]int64{room.stays[ByStarted].key, room.online}, false)
			}
		}
	}
	if l.shown != nil {
		l.kept.tidy(l.shown, len(moves), now)
	}
}
