package queryapi

import (
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// quietFor is after how many seconds of silence an event stream gets a comment: proxies close quiet
// connections, common ones after 30 to 60 s.
const quietFor = 15

const stillHere = ": still here\n\n"

// proof is what a heartbeat says: the follower has had everything that had been committed by the moment
// at, and the cursor behind which it goes on is seq.
type proof struct {
	seq ident.FeedSeq
	at  time.Time
}

// append builds the heartbeat in one shape. Its id makes it a cursor, so that one who follows a quiet
// room does not come back with an old one.
func (p proof) append(b []byte, as shape) []byte {
	seq := p.seq.String()
	if as.sse {
		b = append(append(append(b, "id: "...), seq...), "\nevent: heartbeat\ndata: "...)
	} else {
		b = append(b, `{"heartbeat":`...)
	}
	b = append(append(append(b, `{"feed_seq":"`...), seq...), `","proven_at":`...)
	if p.at.IsZero() {
		b = append(b, "null"...)
	} else {
		b = append(p.at.UTC().AppendFormat(append(b, '"'), "2006-01-02T15:04:05.000Z"), '"')
	}
	if as.sse {
		return append(b, "}\n\n"...)
	}
	return append(b, "}}\n"...)
}

// duties does what is due by the clock: heartbeats, and looking who has left.
func (s *shard) duties(seconds int64, now time.Time) {
	due := func(every int64) bool { return every > 0 && seconds/every > s.seconds/every }
	// What is proven about a position counts here once all have had it.
	s.proof.seq = s.lead.Cursor()
	if seq, at := s.push.hub.Proven(); seq <= s.proof.seq {
		s.proof.at = at
	}
	beats := map[bool][]byte{true: s.proof.append(nil, shape{sse: true}), false: s.proof.append(nil, shape{})}
	for _, g := range s.groups.byKey {
		switch {
		case g.size == 0:
			s.groups.drop(g)
		case due(int64(g.shape.beat)):
			s.tell(g, beats[g.shape.sse], now)
		case g.shape == shape{sse: true} && seconds-g.said >= quietFor:
			s.tell(g, []byte(stillHere), now)
			g.said = seconds
		}
		if due(hearEvery) {
			s.hear(g)
		}
	}
	s.seconds = seconds
	if len(s.groups.byKey) == 0 {
		s.lead = nil
	}
}

// tell writes something that is no event. Who cannot take it has something to read as it is.
func (s *shard) tell(g *group, b []byte, now time.Time) {
	for i := len(g.members) - 1; i >= 0; i-- {
		f := g.members[i]
		n, err := s.send(f, b)
		switch {
		case err != nil:
			g.leave(i)
			s.gone(f)
		case n > 0 && n < len(b):
			g.leave(i)
			f.Seek(s.lead.Cursor())
			f.rest, f.since = b[n:], now
			s.behind = append(s.behind, f)
		}
	}
}

// hear notices who has left: nothing is written to a quiet feed, and a write is what tells otherwise.
func (s *shard) hear(g *group) {
	for i := len(g.members) - 1; i >= 0; i-- {
		if f := g.members[i]; s.sender.left(f.raw) {
			g.leave(i)
			s.gone(f)
		}
	}
}
