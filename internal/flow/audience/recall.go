package audience

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// When all nodes end, so do their counts. Viewers come back with their next heartbeat, the peak would not. It is the one
// number that may be taken from the past whoever else knows of it: the larger counts. Sums would be counted twice where
// other nodes remember them.

const (
	// recallTurns is for how long after its begin a node asks for the past of the sessions that it meets: viewers who were
	// there before come back within one interval. What begins later has no past, or nodes that remember it.
	recallTurns = 120
	// maxAsked bounds the sessions that wait to be asked for, 24 bytes each.
	maxAsked = 1 << 16
	// recallWithin bounds one question.
	recallWithin = 5 * time.Second
)

// peak is the most viewers of a session, once it is known.
type peak struct {
	room    ident.RoomID
	session ident.SessionID
	online  int64
}

// ask has the sessions recalled that were met in this turn.
func (e *Engine) ask() {
	met := e.merged.met
	e.merged.met = nil
	if e.Past == nil || e.merged.turn > recallTurns {
		return
	}
	for _, p := range met {
		select {
		case e.asked <- p:
		default:
			e.Count(Forgotten, 1)
		}
	}
}

// RunRecalling asks for the peaks of before, one after the other, until ctx ends. Counting waits for none of them.
func (e *Engine) RunRecalling(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-e.asked:
			if !e.remember(ctx, &p) {
				continue
			}
			select {
			case <-ctx.Done():
				return nil
			case e.recall <- p:
			}
		}
	}
}

// remember is false when there is nothing to tell.
func (e *Engine) remember(ctx context.Context, p *peak) bool {
	ctx, cancel := context.WithTimeout(ctx, recallWithin)
	defer cancel()
	var err error
	if p.online, err = e.Past.Peak(ctx, p.room, p.session); err != nil {
		e.Count(Forgotten, 1)
		return false
	}
	if p.online > 0 {
		e.Count(Recalled, 1)
	}
	return p.online > 0
}

// recall takes a peak in, as if another node had told it.
func (m *merger) recall(p peak) {
	if s := m.sessions[p.session]; s != nil && p.online > s.peak {
		s.peak, s.changed = p.online, true
		s.news = soon
	}
}
