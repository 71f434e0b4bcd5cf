package audience

import (
	"context"
)

const (
	// lateEvery is how many turns more watch time alone waits to be told: a viewer brings some with each heartbeat.
	lateEvery = 5
	// allEvery is in how many turns everything is told once more, for pages that were lost; hurryTurns is in how many
	// when a node has just come.
	allEvery, hurryTurns = 30, 5
	// Pages wait here, some 64 MB of them at most in each direction; those beyond are left, and said again.
	maxInbox, maxOutbox = 128, 128
)

// RunTelling tells the other nodes what Run has put together, until ctx ends.
func (e *Engine) RunTelling(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-e.outbox:
			if err := e.Exchange.Tell(p); err != nil {
				e.Count(PagesLost, 1)
			} else {
				e.Count(PagesTold, 1)
			}
		}
	}
}

// tell puts together what the other nodes are to hear: what has changed, some of what has not, and that this node lives.
func (e *Engine) tell() {
	m := &e.merged
	page := &Page{Node: m.node, New: m.turn == 1}
	size := 0
	for _, s := range m.sessions {
		all := m.dueWhole(s)
		if !all && !m.due(s) {
			continue
		}
		part := m.part(s, all)
		if size += part.Size(); size > MaxPageBytes || len(page.Parts) == MaxParts {
			if !e.send(page) {
				return // what was not put into it has its news still
			}
			page, size = &Page{Node: m.node, New: page.New}, part.Size()
		}
		page.Parts = append(page.Parts, part)
		s.news, s.fresh = none, nil
	}
	e.send(page)
}

func (e *Engine) send(p *Page) bool {
	select {
	case e.outbox <- p:
		return true
	default:
		e.Count(PagesLost, 1)
		return false
	}
}

func (m *merger) due(s *session) bool {
	return s.news == soon || s.news == late && (m.turn+int64(s.id))%lateEvery == 0
}

// dueWhole is when all that is known of a session is told: what was counted here, and what nodes told that are silent
// now.
func (m *merger) dueWhole(s *session) bool {
	every := int64(allEvery)
	if m.turn <= m.hurry {
		every = hurryTurns
	}
	return (m.turn+int64(s.id))%every == 0 && (s.mine || m.bereft(s))
}

// bereft reports whether a node has counted in the session that cannot tell of it any more.
func (m *merger) bereft(s *session) bool {
	for i := range s.shares {
		if m.silent(s.shares[i].Node) {
			return true
		}
	}
	return false
}

func (m *merger) part(s *session, all bool) Part {
	own := s.shares[0]
	p := Part{Room: s.room, Session: s.id, Online: own.online, Peak: s.peak, Totals: []Total{own.Total}}
	if all {
		for _, other := range s.shares[1:] {
			if m.silent(other.Node) {
				p.Totals = append(p.Totals, other.Total)
			}
		}
	}
	if all || len(s.fresh) > maxFresh {
		p.Sketch = s.encode()
	} else {
		p.Fresh = s.fresh
	}
	return p
}
