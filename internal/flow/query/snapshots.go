package query

import (
	"container/list"
	"math/rand/v2"
	"time"
)

const (
	// snapshotLife is how long a snapshot outlives its last use: a crawler's pause between two pages.
	snapshotLife = time.Minute
	// maxSnapshots bounds those kept; they share what did not change between them.
	maxSnapshots = 10_000
	// Up to calmSnapshots every change is seen by the next crawl. Beyond, a new snapshot is cut
	// only every cutEvery, so that 60 s of the busiest list stay below maxSnapshots.
	calmSnapshots = 1_000
	cutEvery      = 10 * time.Millisecond
)

// snapshot is the board as it was: any number of readers may walk it.
type snapshot struct {
	id     uint64
	orders [sorts]*order
	board  *board // the one it was cut from, when that had made so many changes
	change int
	cut    time.Time
	used   time.Time
	place  *list.Element
}

// snapshots keeps those that page tokens may name, the most recently used in front. Not safe for
// concurrent use.
type snapshots struct {
	byID   map[uint64]*snapshot
	recent *list.List
	latest *snapshot
	next   uint64
}

func (s *snapshots) init() {
	s.byID, s.recent = map[uint64]*snapshot{}, list.New()
	// A random start: a token of another process, or of this one before a restart, names nothing.
	s.next = rand.Uint64()
}

// of returns a snapshot of the board's present, cutting one if the latest is no longer that.
func (s *snapshots) of(b *board, now time.Time) *snapshot {
	s.expire(now)
	l := s.latest
	current := l != nil && l.board == b && l.change == b.changes
	crowded := l != nil && l.board == b && len(s.byID) >= calmSnapshots && now.Sub(l.cut) < cutEvery
	if current || crowded {
		s.touch(l, now)
		return l
	}
	n := &snapshot{id: s.next, board: b, change: b.changes, cut: now, used: now}
	s.next++
	for i, tree := range b.orders {
		n.orders[i] = tree.Copy()
	}
	n.place = s.recent.PushFront(n)
	s.byID[n.id], s.latest = n, n
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
	s.recent.MoveToFront(n.place)
}

// expire drops what nobody used for too long, and the least recently used beyond the bound.
func (s *snapshots) expire(now time.Time) {
	for e := s.recent.Back(); e != nil; e = s.recent.Back() {
		n := e.Value.(*snapshot)
		if s.recent.Len() <= maxSnapshots && now.Sub(n.used) < snapshotLife {
			return
		}
		s.recent.Remove(e)
		delete(s.byID, n.id)
		if s.latest == n {
			s.latest = nil
		}
	}
}
