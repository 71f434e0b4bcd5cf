package query

import (
	"container/list"
	"math/rand/v2"
	"time"
)

const (
	// snapshotLife is how long a snapshot outlives its last use: a crawler's pause between two pages.
	snapshotLife = time.Minute
	// maxSnapshots bounds those kept.
	maxSnapshots = 10_000
	// Up to calmSnapshots every change is seen by the next crawl. Beyond, a new snapshot is cut
	// only every cutEvery, so that 60 s of the busiest list stay below maxSnapshots.
	calmSnapshots = 1_000
	cutEvery      = 10 * time.Millisecond
	// What has left the list since the oldest snapshot is kept for it: as much as is on the list, or
	// fewPast when that is little. 60 s of 2,000 starts and stops a second are 120,000 stays. Who crawls
	// slower than that loses the snapshot, not the node its memory.
	fewPast = 1 << 18
	// sweptPerCard is how many stays a card may erase: more than it ends, so that the past shrinks.
	sweptPerCard = 4
)

// snapshot is the board as it was at a moment. It holds no rooms: which of them it shows is written
// in their stays, so that a crawler costs as much as this struct.
type snapshot struct {
	id    uint64
	board *board
	at    moment
	rooms int   // of the board then
	areas *Tree // the tree then: what an area has below it does not change in mid-crawl; nil: not known
	cut   time.Time
	used  time.Time
	// Its places in the lists of snapshots.
	byCut, byUse *list.Element
}

// snapshots keeps those that page tokens may name. Not safe for concurrent use.
type snapshots struct {
	byID   map[uint64]*snapshot
	byCut  *list.List // oldest in front
	byUse  *list.List // longest unused in front
	latest *snapshot
	next   uint64
}

func (s *snapshots) init() {
	s.byID, s.byCut, s.byUse = map[uint64]*snapshot{}, list.New(), list.New()
	// A random start: a token of another process, or of this one before a restart, names nothing.
	s.next = rand.Uint64()
}

// of returns a snapshot of the board's present, cutting one if the latest is no longer that.
func (s *snapshots) of(b *board, areas *Tree, now time.Time) *snapshot {
	s.expire(now)
	l := s.latest
	if l != nil && l.board == b && l.areas == areas &&
		(l.at == b.now || len(s.byID) >= calmSnapshots && now.Sub(l.cut) < cutEvery) {
		s.touch(l, now)
		return l
	}
	n := &snapshot{id: s.next, board: b, at: b.now, rooms: len(b.rooms), areas: areas, cut: now, used: now}
	s.next++
	n.byCut, n.byUse = s.byCut.PushBack(n), s.byUse.PushBack(n)
	s.byID[n.id], s.latest, b.seen = n, n, b.now
	s.expire(now)
	return n
}

// named finds the snapshot of a token and counts as its use.
func (s *snapshots) named(id uint64, now time.Time) (*snapshot, bool) {
	s.expire(now)
	n, ok := s.byID[id]
	if ok {
		s.touch(n, now)
	}
	return n, ok
}

func (s *snapshots) touch(n *snapshot, now time.Time) {
	n.used = now
	s.byUse.MoveToBack(n.byUse)
}

// expire drops what nobody used for too long, and the longest unused beyond the bound.
func (s *snapshots) expire(now time.Time) {
	for e := s.byUse.Front(); e != nil; e = s.byUse.Front() {
		n := e.Value.(*snapshot)
		if s.byUse.Len() <= maxSnapshots && now.Sub(n.used) < snapshotLife {
			return
		}
		s.drop(n)
	}
}

func (s *snapshots) drop(n *snapshot) {
	s.byUse.Remove(n.byUse)
	s.byCut.Remove(n.byCut)
	delete(s.byID, n.id)
	if s.latest == n {
		s.latest = nil
	}
}

// tidy lets go what no snapshot of the shown board needs, after cards have been applied to it.
func (s *snapshots) tidy(b *board, cards int, now time.Time) {
	s.expire(now)
	oldest := s.oldest(b)
	for b.past.len() > max(fewPast, int(sorts)*len(b.rooms)) && !b.past.ready(oldest) {
		s.drop(s.byCut.Front().Value.(*snapshot))
		oldest = s.oldest(b)
	}
	b.sweep(oldest, sweptPerCard*cards)
}

// oldest is the earliest moment of the board that a snapshot may show.
func (s *snapshots) oldest(b *board) moment {
	e := s.byCut.Front()
	if e == nil {
		return b.now
	}
	if n := e.Value.(*snapshot); n.board == b {
		return n.at
	}
	return 0 // while a snapshot of the board before is kept, nothing of this one goes
}
