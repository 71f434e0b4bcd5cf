package console

import (
	"slices"
	"time"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/flow/station"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// ladderView is the way of a room's newest change, and whether both ends agree.
type ladderView struct {
	Room                int64
	Committed, View, L1 int64
	Change              *opsv1.Change
	At                  time.Time // of the commit
	Rungs               []rung
	// Took is from the commit to L1; Done once it is there.
	Took string
	Done bool
	// Accepted is how long before the commit the command came in.
	Accepted string
}

// rung is one station of the ladder, drawn as the stretch of time from the station that led to it.
type rung struct {
	Name, Does string
	Done       bool
	// Step is the time since the station that led here, At that since the commit.
	Step, At string
	// From and Left are both ends of the stretch, in percent of the picture; Width is between them.
	From, Left, Width float64
	// Rivals are the couriers at the received rung, the winner first.
	Rivals []rung
	Won    bool
}

// Agree is true when the view shows what is committed, and L1 does so or does not hold the room.
func (l ladderView) Agree() bool {
	return l.View == l.Committed && (l.L1 == 0 || l.L1 == l.Committed)
}

// Behind is how many versions the view lacks.
func (l ladderView) Behind() int { return int(l.Committed - l.View) }

func newLadder(t *opsv1.TraceRoomResponse) ladderView {
	v := ladderView{
		Room: t.GetRoomId(), Committed: t.GetCommittedVersion(), View: t.GetViewVersion(), L1: t.GetL1Version(),
	}
	if len(t.GetChanges()) == 0 {
		return v
	}
	ch := t.GetChanges()[0]
	v.Change, v.At = ch, wire.GoTime(ch.GetCommittedAt())
	if v.At.IsZero() {
		return v
	}
	if accepted := wire.GoTime(ch.GetAcceptedAt()); !accepted.IsZero() && accepted.Before(v.At) {
		v.Accepted = millis(v.At.Sub(accepted))
	}
	v.climb(ch)
	return v
}

// climb places the stations on the scale of the slowest one.
func (l *ladderView) climb(ch *opsv1.Change) {
	sequenced, published := wire.GoTime(ch.GetSequencedAt()), wire.GoTime(ch.GetPublishedAt())
	applied, visible := wire.GoTime(ch.GetAppliedAt()), wire.GoTime(ch.GetVisibleAt())
	couriers := couriers(ch, l.At)
	var won arrival
	if len(couriers) > 0 {
		won = couriers[0]
	}
	s := scale{l.At, time.Microsecond}
	for _, t := range []time.Time{sequenced, published, applied, visible, won.at, wire.GoTime(ch.GetReceivedQueueAt())} {
		s.whole = max(s.whole, s.since(t))
	}
	received := s.rung("Received", "a courier has brought it to the viewers' side", won.from, won.at)
	for i, c := range couriers {
		r := s.rung(string(c.name), "", c.from, c.at)
		r.Won = i == 0
		received.Rivals = append(received.Rivals, r)
	}
	l.Rungs = []rung{
		s.rung("Commit", "state and outbox are durable", l.At, l.At),
		s.rung("Outbox", "the relay has it, with its place in the feed", l.At, sequenced),
		s.rung("Published", "the queue has acknowledged it", sequenced, published),
		received,
		s.rung("Applied", "the view is written", won.at, applied),
		s.rung("In L1", "viewers read it from memory", applied, visible),
	}
	l.Rungs[0].Step, l.Rungs[0].At = "0 ms", ""
	l.Done = !visible.IsZero()
	l.Took = millis(s.since(visible))
}

// scale is the picture's: from the commit to the last station.
type scale struct {
	commit time.Time
	whole  time.Duration
}

// since is the time from the commit; never negative: two clocks, or one that rounds, may say
// that an event arrived before it left.
func (s scale) since(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(0, t.Sub(s.commit))
}

func (s scale) rung(name, does string, from, at time.Time) rung {
	r := rung{Name: name, Does: does, Done: !at.IsZero()}
	if !r.Done {
		return r
	}
	start := min(s.since(from), s.since(at))
	r.Step, r.At = "+"+millis(s.since(at)-start), "at "+millis(s.since(at))
	r.From = 100 * float64(start) / float64(s.whole)
	r.Left = 100 * float64(s.since(at)) / float64(s.whole)
	r.Width = r.Left - r.From
	return r
}

// arrival is a courier's: the direct one leaves at the commit, the queue's when it is published.
type arrival struct {
	name     station.Courier
	from, at time.Time
}

// couriers are those that brought the change: the one that was applied first, then the other.
func couriers(ch *opsv1.Change, commit time.Time) []arrival {
	var out []arrival
	for _, a := range []arrival{
		{station.Direct, commit, wire.GoTime(ch.GetReceivedDirectAt())},
		{station.Queue, wire.GoTime(ch.GetPublishedAt()), wire.GoTime(ch.GetReceivedQueueAt())},
	} {
		if !a.at.IsZero() {
			out = append(out, a)
		}
	}
	winner := station.Courier(ch.GetAppliedFrom())
	slices.SortStableFunc(out, func(a, b arrival) int {
		switch {
		case a.name == winner:
			return -1
		case b.name == winner:
			return 1
		}
		return a.at.Compare(b.at)
	})
	return out
}
