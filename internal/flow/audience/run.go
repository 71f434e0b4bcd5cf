package audience

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// turnEvery is how often counts are merged and told: with the way between nodes, and the card's own, they are on
	// the card within two seconds.
	turnEvery = time.Second
	// lookEvery is how many turns a session without a change waits until it is looked at whether it is on air.
	lookEvery = 5
	// estimates bounds the registers that the estimates of one turn read: 32 of the largest sessions, some 50 ms. With
	// more of them their different viewers are told some turns late, everything else is not.
	estimates = 32 << precision
)

// Run counts, and merges what it hears, until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	if e.Exchange != nil {
		stop, err := e.Exchange.Listen(e.hear)
		if err != nil {
			return fault.Internal.Wrap(err, "the other nodes' audience cannot be heard of")
		}
		defer stop()
	}
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-e.inbox:
			e.Count(PagesTook, 1)
			if n := e.merged.hear(p); n > 0 {
				e.Count(Damaged, n)
			}
		case p := <-e.recall:
			e.merged.recall(p)
		case <-tick.C:
			e.turn()
		}
	}
}

// hear is for Exchange.
func (e *Engine) hear(p *Page) {
	select {
	case e.inbox <- p:
	default:
		e.Count(PagesLeft, 1)
	}
}

// turn ends a second.
func (e *Engine) turn() {
	m := &e.merged
	m.turn++
	e.collect()
	e.ask()
	m.bury()
	now := e.Now()
	budget := estimates
	var counts []view.Count
	for _, s := range m.sessions {
		if !s.changed && (m.turn+int64(s.id))%lookEvery != 0 {
			continue
		}
		if c, differs := e.judge(s, &budget); differs {
			c.AsOf = now
			counts = append(counts, c)
		}
	}
	if e.Exchange != nil {
		e.tell()
	}
	e.Sink.Counted(counts) // when there are none, too: that nothing has changed is news
	e.known.Store(int64(len(m.sessions)))
}

// collect takes what this node has counted in the second.
func (e *Engine) collect() {
	now, second := e.clock(), int64(e.Now().Sub(e.began)/slot)
	beats, online := 0, 0
	for i := range e.shards {
		s := &e.shards[i]
		n, present := s.turn(now, second, e.merged.count)
		beats, online = beats+n, online+present
	}
	e.online.Store(int64(online))
	e.Count(Beats, beats)
	e.Count(Refused, int(e.refuse.Swap(0)))
	e.Count(OffAir, int(e.offAir.Swap(0)))
}

// judge counts a session, and says whether the sink is to hear of it.
func (e *Engine) judge(s *session, budget *int) (c view.Count, differs bool) {
	m := &e.merged
	if on, onAir := e.Sessions.Session(s.room); !onAir || on != s.id {
		return e.end(s)
	}
	s.offAir, s.ended = 0, false
	if !s.changed {
		return c, false
	}
	s.changed = false
	if s.stale {
		if *budget > 0 {
			*budget -= s.cost()
			s.estimate()
		} else {
			s.changed = true // its turn comes
		}
	}
	c = m.total(s)
	differs = c != s.told
	s.told = c
	return c, differs
}

// end is of a session that is not on air: not yet, or no more. It is kept as it is for a while, and then forgotten.
func (e *Engine) end(s *session) (c view.Count, differs bool) {
	m := &e.merged
	if s.offAir == 0 {
		s.offAir = m.turn
	}
	if m.turn-s.offAir > keptAfter {
		delete(m.sessions, s.id)
	}
	if s.ended || s.told.Session == 0 { // told already, or never told of
		return c, false
	}
	s.ended = true
	s.estimate()
	c = m.total(s)
	c.Online = 0
	s.told = c
	return c, true
}
