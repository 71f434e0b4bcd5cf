// Package desk explains a room's life to operators: when each of its last changes passed which
// station of the corridor, and which versions the ends of the corridor hold now.
//
// It listens (Ladder is a station.Observer) and reads; it never writes. What it remembers is bounded
// and in memory: after a restart the ladder begins anew, while the log and the feed keep the events.
package desk

import (
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

const (
	// maxRooms and maxChanges bound the memory: about 10,000 × 50 × 300 bytes at worst.
	maxRooms   = 10_000
	maxChanges = 50
)

// Change is one change of a room with the times at which it passed the stations; zero: not yet, or
// not in this process.
type Change struct {
	Version     ident.Version
	FeedSeq     ident.FeedSeq
	Type        event.Type
	Reason      string
	Actor       string
	Traceparent string

	Accepted, Committed, Sequenced, Published time.Time
	ReceivedQueue, ReceivedDirect             time.Time
	Applied, Visible                          time.Time
	// AppliedFrom is the courier that brought the version first.
	AppliedFrom station.Courier
}

// Ladder remembers the last changes of the rooms that changed last. Safe for concurrent use.
type Ladder struct {
	mu    sync.Mutex
	rooms map[ident.RoomID][]Change
	// turn holds the rooms in the order in which they came in; the oldest makes way.
	turn []ident.RoomID
	next int
}

// NewLadder makes an empty ladder.
func NewLadder() *Ladder {
	return &Ladder{rooms: map[ident.RoomID][]Change{}, turn: make([]ident.RoomID, 0, maxRooms)}
}

// Changes returns a room's last changes, newest first, at most limit.
func (l *Ladder) Changes(id ident.RoomID, limit int) []Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.rooms[id]
	out := make([]Change, 0, min(limit, len(list)))
	for i := len(list) - 1; i >= 0 && len(out) < limit; i-- {
		out = append(out, list[i])
	}
	return out
}

// Passed is station.Observer.
func (l *Ladder) Passed(p station.Passage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.find(p.Event)
	if c == nil {
		return
	}
	switch p.Station {
	case station.Committed:
		first(&c.Committed, p.At)
	case station.Sequenced:
		first(&c.Sequenced, p.At)
	case station.Published:
		first(&c.Published, p.At)
	case station.Received:
		switch p.Courier {
		case station.Queue:
			first(&c.ReceivedQueue, p.At)
		case station.Direct:
			first(&c.ReceivedDirect, p.At)
		}
	case station.Applied:
		first(&c.Applied, p.At)
		c.AppliedFrom = p.Courier
	case station.Visible:
		first(&c.Visible, p.At)
	}
	if p.Event.FeedSeq != 0 {
		c.FeedSeq = p.Event.FeedSeq
	}
}

// first keeps the first time: repeats are normal and say nothing new.
func first(at *time.Time, now time.Time) {
	if at.IsZero() {
		*at = now
	}
}

// find returns the change's place, making one for a version that is new; nil for one that was forgotten.
func (l *Ladder) find(e *event.RoomEvent) *Change {
	list, known := l.rooms[e.RoomID]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Version == e.Version {
			return &list[i]
		}
		if list[i].Version < e.Version && i == len(list)-1 {
			break
		}
	}
	if e.Type == "" || len(list) > 0 && e.Version < list[0].Version {
		return nil // known by its mark only: it is here, or it was forgotten
	}
	if !known {
		l.makeWay(e.RoomID)
	}
	if len(list) == maxChanges {
		list = append(list[:0], list[1:]...)
	}
	c := Change{Version: e.Version, Type: e.Type, Reason: e.Reason, Actor: e.Actor, Traceparent: e.Traceparent,
		Accepted: e.OccurredAt}
	at := len(list)
	for at > 0 && list[at-1].Version > e.Version {
		at--
	}
	list = append(list, Change{})
	copy(list[at+1:], list[at:])
	list[at] = c
	l.rooms[e.RoomID] = list
	return &list[at]
}

// makeWay remembers that a room came in, and forgets the one that came in longest ago.
func (l *Ladder) makeWay(id ident.RoomID) {
	if len(l.turn) < maxRooms {
		l.turn = append(l.turn, id)
		return
	}
	delete(l.rooms, l.turn[l.next])
	l.turn[l.next] = id
	l.next = (l.next + 1) % maxRooms
}
