package audience

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// MaxPageBytes bounds a page as Part.Size reckons it: with what its coding adds it fits into the megabyte that
	// brokers carry by default.
	MaxPageBytes = 512 << 10
	// MaxParts bounds the parts of a page, however small they are.
	MaxParts = 4096
	// maxSketch is a dense sketch with its head; what claims to be larger is none.
	maxSketch = 1<<precision + 64
)

// Sessions says which session is on air in a room now. Safe for concurrent use; asked with every heartbeat, so it
// answers from memory.
type Sessions interface {
	// Session is the room's session, false when the room is not on air or unknown.
	Session(room ident.RoomID) (ident.SessionID, bool)
}

// Sink takes the merged counts.
type Sink interface {
	// Counted takes the counts that changed since the last call, about once a second, one call after the other; often
	// there are none, and then all is as it was told before. Of a
	// room that is on air it tells the session on air; a session that ended is told once more, with nobody online.
	// The slice is the sink's until it returns.
	Counted(counts []view.Count)
}

// Past remembers what was counted before all nodes ended. It may ask a database.
type Past interface {
	// Peak is the most viewers that a session is known to have had; 0 when nothing is known of it.
	Peak(ctx context.Context, room ident.RoomID, session ident.SessionID) (int64, error)
}

// NodeID names a node for as long as its process lives: drawn at random, so that a restarted one is another.
type NodeID uint64

// Exchange carries what each node counts to all others, of all zones. Pages may be lost, come late or twice; what
// matters is said again. Safe for concurrent use.
type Exchange interface {
	// Tell sends a page to all other nodes and waits for none of them. It fails when nobody can be told now, and for
	// a page beyond the bounds. The page is not kept.
	Tell(p *Page) error
	// Listen calls hear with each page of another node, those of one node in the order they were told, until stop is
	// called. The page is within the bounds and hear's to keep; nothing more is known of it. hear must not block.
	Listen(hear func(p *Page)) (stop func(), err error)
}

// Page is what a node tells at a time. One without parts says that the node lives.
type Page struct {
	Node NodeID
	// New asks the others to say all they know soon: this node has just started.
	New   bool
	Parts []Part
}

// Part is what a node knows of one session's audience. To take it in twice, or after a newer one of another node,
// changes nothing: numbers that only grow are merged by the larger, sketches by their union.
type Part struct {
	Room    ident.RoomID
	Session ident.SessionID
	// Online is the viewers of the telling node alone; the newest word counts.
	Online int64
	// Peak is the most that the telling node has seen online in all nodes together.
	Peak int64
	// Totals are the sums of the telling node, and of nodes that have fallen silent.
	Totals []Total
	// Sketch is all viewers of the session that the telling node knows of, Fresh those that it has met since it told
	// them last, as the hashes that sketches are made of. Either may be nil.
	Sketch []byte
	Fresh  []uint64
}

// Total is the part of the session's sums that was counted by one node.
type Total struct {
	Node    NodeID
	Likes   int64
	WatchMs int64
}

// Size is about how many bytes the part takes in a page.
func (p *Part) Size() int {
	const head, total, fresh = 64, 40, 8
	return head + total*len(p.Totals) + len(p.Sketch) + fresh*len(p.Fresh)
}

// Fits reports whether the page is within the bounds that Exchange keeps.
func (p *Page) Fits() bool {
	size := 0
	for i := range p.Parts {
		part := &p.Parts[i]
		if part.Room <= 0 || part.Session <= 0 || len(part.Sketch) > maxSketch {
			return false
		}
		size += part.Size()
	}
	return p.Node != 0 && len(p.Parts) <= MaxParts && size <= MaxPageBytes
}
