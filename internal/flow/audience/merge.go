package audience

import (
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// silentAfter is how many turns without a word make a node a dead one: each says something in every turn.
	silentAfter = 5
	// keptAfter is for how many turns a session is remembered that is not on air: parts of other nodes come before
	// this one knows that it is, and after it knows that it is no more.
	keptAfter = 60
	// maxSessions bounds what other nodes can make this one remember.
	maxSessions = 1 << 18
	// maxShares bounds the nodes of a session. Each start of a node is one, for as long as the session runs.
	maxShares = 1024
	// maxPeers bounds the nodes that are listened to.
	maxPeers = 1024
	// maxFresh is how many viewers are told one by one; more are told as a sketch.
	maxFresh = 4096
)

// merger knows all sessions as all nodes have counted them. Not safe for concurrent use.
type merger struct {
	node     NodeID
	others   bool // there may be some
	turn     int64
	sessions map[ident.SessionID]*session
	// heard is the turn in which each other node was heard of last.
	heard map[NodeID]int64
	// met are the sessions that were met since the last turn.
	met []peak
	// hurry is the turn until which all is told in a few turns, since somebody has just come.
	hurry int64
}

// session is one session's audience.
type session struct {
	room   ident.RoomID
	id     ident.SessionID
	shares []share // the first is this node's
	mine   bool    // it has ever counted here
	peak   int64
	uniques
	fresh []uint64 // met here and not told
	// changed: for the sink. told is what it was told last.
	changed bool
	told    view.Count
	ended   bool
	offAir  int64 // for how many turns
	// news is for the other nodes: soon when somebody came, went or liked, late when there is only more watch time.
	news news
}

type news uint8

const (
	none news = iota
	late
	soon
)

// share is what one node has counted.
type share struct {
	Total
	online int64
}

func (m *merger) init(node NodeID, others bool) {
	m.node, m.others, m.sessions, m.heard = node, others, map[ident.SessionID]*session{}, map[NodeID]int64{}
}

// session finds or makes one; nil when there is no place.
func (m *merger) session(room ident.RoomID, id ident.SessionID) *session {
	s := m.sessions[id]
	if s == nil && len(m.sessions) < maxSessions {
		s = &session{room: room, id: id, shares: []share{{Total: Total{Node: m.node}}}}
		m.sessions[id] = s
		m.met = append(m.met, peak{room: room, session: id})
	}
	return s
}

func (s *session) share(node NodeID) *share {
	for i := range s.shares {
		if s.shares[i].Node == node {
			return &s.shares[i]
		}
	}
	if len(s.shares) == maxShares {
		return nil
	}
	s.shares = append(s.shares, share{Total: Total{Node: node}})
	return &s.shares[len(s.shares)-1]
}

// count takes in what a shard of this node has counted.
func (m *merger) count(t *tally) {
	s := m.session(t.room, t.session)
	if s == nil {
		return
	}
	own := &s.shares[0]
	if t.joined != 0 || t.likes > 0 || len(t.fresh) > 0 {
		s.news = soon
	}
	s.news = max(s.news, late)
	own.online += t.joined
	own.Likes += t.likes
	own.WatchMs += t.watchMs
	s.add(t.fresh)
	if m.others && len(s.fresh) <= maxFresh { // else a sketch will tell them
		s.fresh = append(s.fresh, t.fresh...)
	}
	s.mine, s.changed = true, true
}

// hear takes in a page of another node, and returns how many of its sketches are none.
func (m *merger) hear(p *Page) (damaged int) {
	if _, known := m.heard[p.Node]; !known {
		if len(m.heard) == maxPeers {
			return 0
		}
		m.hurry = m.turn + hurryTurns // it may know nothing
	}
	if m.silent(p.Node) {
		m.touch(p.Node) // what it had counted counts again
	}
	if p.New {
		m.hurry = m.turn + hurryTurns
	}
	m.heard[p.Node] = m.turn
	for i := range p.Parts {
		part := &p.Parts[i]
		if s := m.session(part.Room, part.Session); s != nil && !s.take(p.Node, part) {
			damaged++
		}
	}
	return damaged
}

// take is false when the part's sketch is none; the rest of it is taken in all the same.
func (s *session) take(from NodeID, p *Part) bool {
	if sender := s.share(from); sender != nil {
		sender.online = max(p.Online, 0)
	}
	for _, t := range p.Totals {
		if own := s.share(t.Node); own != nil {
			own.Likes, own.WatchMs = max(own.Likes, t.Likes), max(own.WatchMs, t.WatchMs)
		}
	}
	s.peak = max(s.peak, p.Peak)
	s.add(p.Fresh)
	s.changed = true
	return p.Sketch == nil || s.merge(p.Sketch) == nil
}

// silent reports whether a node is dead, as far as one can hear. This node is not.
func (m *merger) silent(node NodeID) bool {
	heard, known := m.heard[node]
	return node != m.node && (!known || m.turn-heard > silentAfter)
}

// bury counts those out who have just fallen silent, and forgets who has been for long: then their sums are kept as those
// of any stranger.
func (m *merger) bury() {
	for node, heard := range m.heard {
		switch silent := m.turn - heard; {
		case silent == silentAfter+1:
			m.touch(node)
		case silent > keptAfter:
			delete(m.heard, node)
		}
	}
}

// touch has the sessions of a node counted anew.
func (m *merger) touch(node NodeID) {
	for _, s := range m.sessions {
		for i := range s.shares {
			if s.shares[i].Node == node {
				s.changed = true
				break
			}
		}
	}
}

// total is the session's count now.
func (m *merger) total(s *session) view.Count {
	c := view.Count{Room: s.room, Session: s.id, Unique: s.estimated}
	var watchMs int64
	for i := range s.shares {
		own := &s.shares[i]
		if own.online > 0 && !m.silent(own.Node) {
			c.Online += own.online
		}
		c.Likes += own.Likes
		watchMs += own.WatchMs
	}
	s.peak = max(s.peak, c.Online)
	c.Peak, c.WatchSeconds = s.peak, watchMs/1000
	return c
}
