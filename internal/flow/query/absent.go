package query

import (
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// A missing room is remembered for one to two turns. Readers of a room that does not exist come in
	// crowds, too; half a second of them costs one query.
	absentTurn = 500 * time.Millisecond
	// maxAbsent bounds the rooms of one turn, and so the memory that readers of random ids can take: about
	// 4 MiB for both turns. Beyond it turns are shorter.
	maxAbsent = 50_000
)

// absences are rooms that were found missing. Not safe for concurrent use.
type absences struct {
	young  map[ident.RoomID]struct{} // found missing in this turn
	old    map[ident.RoomID]struct{} // in the turn before
	turned time.Time
}

func (a *absences) forget() { *a = absences{young: map[ident.RoomID]struct{}{}} }

// turn begins a new turn when it is time.
func (a *absences) turn(now time.Time) {
	age := now.Sub(a.turned)
	if age < absentTurn && len(a.young) < maxAbsent {
		return
	}
	a.old = a.young
	if age >= 2*absentTurn {
		a.old = nil
	}
	a.young, a.turned = map[ident.RoomID]struct{}{}, now
}

func (a *absences) has(id ident.RoomID, now time.Time) bool {
	a.turn(now)
	_, young := a.young[id]
	_, old := a.old[id]
	return young || old
}

func (a *absences) add(id ident.RoomID, now time.Time) {
	a.turn(now)
	a.young[id] = struct{}{}
}

// drop forgets one: the room exists now.
func (a *absences) drop(id ident.RoomID) {
	delete(a.young, id)
	delete(a.old, id)
}
