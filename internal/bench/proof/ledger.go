package proof

import (
	"strconv"
	"sync/atomic"
	"time"
)

// Kind is the order in which a room is changed.
type Kind uint8

const (
	// Edited is created, started, and then gets one title after the other. It is on air all the time.
	Edited Kind = iota
	// Toggled is created, and then started and stopped for ever.
	Toggled
)

// State is what a room must show at a version.
type State struct {
	Titled int64 // the version at which the title was given
	Live   bool
	Epoch  int64
}

// At is the room's state at a version, from 1 on.
func (k Kind) At(version int64) State {
	if k == Toggled {
		return State{Titled: 1, Live: version%2 == 0, Epoch: version / 2}
	}
	s := State{Titled: version, Live: version >= 2, Epoch: 1}
	if version < 3 {
		s.Titled, s.Epoch = 1, version-1
	}
	return s
}

// AppendTitle appends the title given at a version: at both ends, so that no half of another passes for it.
func AppendTitle(b []byte, version int64) []byte {
	b = append(strconv.AppendInt(b, version, 10), ": the last map of the world final, as told at "...)
	return strconv.AppendInt(b, version, 10)
}

// Layout is which rooms there are: ids at equal distances, so that a reader finds a room's place by arithmetic.
// The first Edited ones are Edited, at least two, the others Toggled; every second of those begins on air.
type Layout struct {
	First, Step   int64
	Rooms, Edited int
}

// ID is the id of the i-th room.
func (l Layout) ID(i int) int64 { return l.First + int64(i)*l.Step }

// Index finds a room by its id.
func (l Layout) Index(id int64) (int, bool) {
	d := id - l.First
	i := d / l.Step
	return int(i), d >= 0 && d%l.Step == 0 && i < int64(l.Rooms)
}

// Kind of the i-th room.
func (l Layout) Kind(i int) Kind {
	if i < l.Edited {
		return Edited
	}
	return Toggled
}

// Witness is the room that is never changed; it is an Edited one.
func (l Layout) Witness() int { return l.Edited - 1 }

// Begins is the version at which the i-th room is when the check begins.
func (l Layout) Begins(i int) int64 {
	if l.Kind(i) == Toggled && i%2 == 0 {
		return 1
	}
	return 2
}

// Ledger is what is known of the rooms. Each room has one writer; readers are many.
type Ledger struct {
	Layout
	began time.Time
	rooms []record
}

// record of one room. sent is raised before a command is sent; when it is acknowledged, first ackedAt and then
// acked: who reads them the other way round never takes an acknowledgement for older than it is.
type record struct {
	sent, acked, ackedAt atomic.Int64
}

// NewLedger knows the rooms as they begin.
func NewLedger(l Layout) *Ledger {
	g := &Ledger{Layout: l, began: time.Now(), rooms: make([]record, l.Rooms)}
	for i := range g.rooms {
		g.rooms[i].sent.Store(l.Begins(i))
		g.rooms[i].acked.Store(l.Begins(i))
	}
	return g
}

// now is the ledger's clock: time since it was begun.
func (g *Ledger) now() time.Duration { return time.Since(g.began) }

// sends is called before a command is sent that brings the room to version.
func (g *Ledger) sends(i int, version int64) { g.rooms[i].sent.Store(version) }

// acked is called when it is acknowledged.
func (g *Ledger) acked(i int, version int64) {
	g.rooms[i].ackedAt.Store(int64(g.now()))
	g.rooms[i].acked.Store(version)
}

// Acked is the highest version of a room that B has acknowledged.
func (g *Ledger) Acked(i int) int64 { return g.rooms[i].acked.Load() }

// Sent is the highest version of a room that B may have committed.
func (g *Ledger) Sent(i int) int64 { return g.rooms[i].sent.Load() }

// ackedBy is a version that had been acknowledged by then: the highest, or 0 when that came later.
func (g *Ledger) ackedBy(i int, then time.Duration) int64 {
	r := &g.rooms[i]
	version := r.acked.Load()
	if r.ackedAt.Load() > int64(then) {
		return 0
	}
	return version
}

// settled is the version at which a room has been since then without a command under way; false if it may have
// changed.
func (g *Ledger) settled(i int, then time.Duration) (version int64, ok bool) {
	version = g.ackedBy(i, then)
	return version, version > 0 && g.Sent(i) == version
}
