package audience

import (
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// millis is a moment of the engine; only differences mean anything.
type millis uint32

// since is how long before at m was; negative when it was after.
func (at millis) since(m millis) time.Duration {
	return time.Duration(int32(at-m)) * time.Millisecond // the wrap is what makes it a difference
}

const (
	// slot is how exactly the end of a viewer is noticed.
	slot = time.Second
	// slots hold whoever is looked at within SeenWithin, with room for turns that come late.
	slots = 64
)

// shard is a part of this node's viewers. Whoever holds mu does a few memory accesses, or a second's share of the wheel.
type shard struct {
	mu   sync.Mutex
	most int
	// seen has no pointers: the collector does not look into it, however large it is.
	seen map[uint64]viewer
	// wheel has each viewer once, where he is to be looked at next. A heartbeat does not move him: whoever has been
	// seen since is moved when his slot comes, once in 45 s instead of with every beat.
	wheel   [slots][]uint64
	turned  int64 // the last slot that was looked at, counted since the beginning
	tallies []tally
	free    []uint32
	changed []uint32 // which of the tallies
	at      map[ident.SessionID]uint32
	beats   int
}

type viewer struct {
	tally uint32
	at    millis // of the newest heartbeat
}

// tally is one session in a shard. online is what is; all else is since the last turn.
type tally struct {
	room    ident.RoomID
	session ident.SessionID
	online  int64
	joined  int64 // less those who left
	likes   int64
	watchMs int64
	fresh   []uint64 // who came
	changed bool
}

func (s *shard) init(most int) {
	s.most, s.seen, s.at = most, map[uint64]viewer{}, map[ident.SessionID]uint32{}
}

// beat is false when there is no place for one more.
func (s *shard) beat(key, hash uint64, room ident.RoomID, session ident.SessionID, now millis) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, known := s.seen[key]
	if !known {
		if len(s.seen) >= s.most {
			return false
		}
		v.tally = s.tallyOf(room, session)
		t := s.change(v.tally)
		t.online++
		t.joined++
		t.fresh = append(t.fresh, hash)
		s.plan(key, s.turned+int64(SeenWithin/slot)+1)
	} else if gap := now.since(v.at); gap > 0 && gap <= SeenWithin {
		s.change(v.tally).watchMs += gap.Milliseconds()
	}
	s.beats++
	v.at = now
	s.seen[key] = v
	return true
}

func (s *shard) like(room ident.RoomID, session ident.SessionID, count int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change(s.tallyOf(room, session)).likes += count
}

func (s *shard) tallyOf(room ident.RoomID, session ident.SessionID) uint32 {
	i, known := s.at[session]
	if known {
		return i
	}
	if n := len(s.free); n > 0 {
		i, s.free = s.free[n-1], s.free[:n-1]
	} else {
		i = uint32(len(s.tallies)) // fewer than there are rooms on air
		s.tallies = append(s.tallies, tally{})
	}
	s.tallies[i] = tally{room: room, session: session}
	s.at[session] = i
	return i
}

// change is a tally that the next turn takes.
func (s *shard) change(i uint32) *tally {
	t := &s.tallies[i]
	if !t.changed {
		t.changed = true
		s.changed = append(s.changed, i)
	}
	return t
}

func (s *shard) plan(key uint64, when int64) {
	s.wheel[when%slots] = append(s.wheel[when%slots], key)
}

// turn ends whoever was not seen lately, and hands over each session that has changed; the fresh are take's to keep.
func (s *shard) turn(now millis, second int64, take func(*tally)) (beats, online int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for from := max(s.turned, second-slots); from < second; from++ { // behind by a whole round, each slot is looked at once
		s.turned = from + 1
		s.look(now)
	}
	for _, i := range s.changed {
		t := &s.tallies[i]
		take(t)
		t.joined, t.likes, t.watchMs, t.fresh, t.changed = 0, 0, 0, nil, false
		if t.online == 0 {
			delete(s.at, t.session)
			s.free = append(s.free, i)
		}
	}
	s.changed = s.changed[:0]
	beats, s.beats = s.beats, 0
	return beats, len(s.seen)
}

// look is at the slot whose time has come.
func (s *shard) look(now millis) {
	due := s.wheel[s.turned%slots]
	s.wheel[s.turned%slots] = nil
	for _, key := range due {
		v := s.seen[key]
		if left := SeenWithin - now.since(v.at); left > 0 {
			s.plan(key, s.turned+int64((left+slot-1)/slot))
			continue
		}
		delete(s.seen, key)
		t := s.change(v.tally)
		t.online--
		t.joined--
	}
}
