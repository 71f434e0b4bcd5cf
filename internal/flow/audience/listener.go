package audience

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// silence is after how long without a word a node's viewers do not count; forgotten is when they are not kept
	// for its return any more. Both are the nodes' own measures.
	silence, forgotten = silentAfter * turnEvery, keptAfter * turnEvery
	// wholeAfter is when a node has told everything to who has just come: in a hurry it takes hurryTurns, from the turn on
	// in which it heard the greeting.
	wholeAfter = (hurryTurns + 3) * turnEvery
)

// Listener hears what the viewers' nodes tell each other, and counts nobody: for a process without viewers that must
// know how many watch. It knows no more than how many are online.
type Listener struct {
	exchange Exchange
	now      func() time.Time
	node     NodeID

	mu    sync.Mutex
	nodes map[NodeID]*voice
	words int
	turns int
	greet bool // some node is to tell all it knows
}

// voice is what one node has told.
type voice struct {
	heard time.Time
	whole time.Time // from then on it has told everything
	// counts: it is a node with viewers. Another listener says nothing but that it is new.
	counts bool
	rooms  map[ident.RoomID]word
}

type word struct {
	session ident.SessionID
	online  int64
	at      time.Time
}

// NewListener makes one; Run brings it to life. The exchange is not one that an engine uses.
func NewListener(e Exchange, now func() time.Time) *Listener {
	return &Listener{exchange: e, now: now, node: NodeID(rand.Uint64() | 1), nodes: map[NodeID]*voice{}, greet: true}
}

// Online is how many watch a session, and the moment up to which all nodes have been heard. It is not known while no
// node is heard, or one that has not yet told all. It answers from memory; for any number of callers.
func (l *Listener) Online(room ident.RoomID, session ident.SessionID) (viewers int64, asOf time.Time, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, v := range l.nodes {
		if !v.counts || now.Sub(v.heard) > silence {
			continue
		}
		if now.Before(v.whole) {
			return 0, time.Time{}, false
		}
		if asOf.IsZero() || v.heard.Before(asOf) {
			asOf = v.heard
		}
		if w := v.rooms[room]; w.session == session {
			viewers += w.online
		}
	}
	return viewers, asOf, !asOf.IsZero()
}

// Run listens until ctx ends.
func (l *Listener) Run(ctx context.Context) error {
	stop, err := l.exchange.Listen(l.hear)
	if err != nil {
		return fault.Internal.Wrap(err, "the viewers' nodes cannot be heard")
	}
	defer stop()
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		if l.turn() {
			// Lost while the broker is away: then nobody is heard, and it is said again.
			_ = l.exchange.Tell(&Page{Node: l.node, New: true})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// hear is for Exchange.
func (l *Listener) hear(p *Page) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	v := l.nodes[p.Node]
	if v == nil {
		if len(l.nodes) == maxPeers {
			return
		}
		v = &voice{rooms: map[ident.RoomID]word{}}
		l.nodes[p.Node] = v
		if !p.New { // a new one has told nothing before
			v.whole, l.greet = now.Add(wholeAfter), true
		}
	}
	v.heard, v.counts = now, v.counts || !p.New || len(p.Parts) > 0
	for i := range p.Parts {
		part := &p.Parts[i]
		have, known := v.rooms[part.Room]
		if !known && l.words == maxSessions || part.Session < have.session {
			continue // the word about a session that is over; ids grow
		}
		if !known {
			l.words++
		}
		v.rooms[part.Room] = word{session: part.Session, online: max(part.Online, 0), at: now}
	}
}

// turn forgets who and what is not spoken of any more, and reports whether to greet the nodes.
func (l *Listener) turn() (greet bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, alone := l.now(), true
	for node, v := range l.nodes {
		alone = alone && !v.counts
		if now.Sub(v.heard) > forgotten {
			l.words -= len(v.rooms)
			delete(l.nodes, node)
		}
	}
	if l.turns++; l.turns%allEvery == 0 {
		l.sweep(now)
	}
	greet, l.greet = alone || l.greet, false
	return greet
}

// sweep forgets what nodes have stopped telling: they say all twice a minute, while it is so.
func (l *Listener) sweep(now time.Time) {
	for _, v := range l.nodes {
		for room, w := range v.rooms {
			if now.Sub(w.at) > 2*allEvery*turnEvery {
				delete(v.rooms, room)
				l.words--
			}
		}
	}
}
