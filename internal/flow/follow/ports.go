package follow

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

// Store is the zone's room_c as its viewer nodes follow it. Its one writer, the zone's projector, numbers
// its transactions; a number is visible together with all that it wrote, and so are all numbers below it.
type Store interface {
	// Standing is one cheap read of one row.
	Standing(ctx context.Context) (Standing, error)
	// Since returns, of one committed snapshot, the cards that transactions after the given one wrote, in the order of
	// the newest transaction that wrote each, at most limit of them and all of the last transaction that is
	// touched; and the feed rows behind a position up to the feed's gapless end, in order, at most limit. The rows
	// wait for the page that ends the cards: who hears of an event finds its card.
	Since(ctx context.Context, after Mark, limit int) (Delta, error)
	// Held lists the rooms that are parked and since when their cards are not proven. A zero time: nobody remembers.
	Held(ctx context.Context) (map[ident.RoomID]time.Time, error)
}

// Mark is how far a viewer node has followed room_c.
type Mark struct {
	// Write is the number of the newest transaction whose cards are known.
	Write int64
	// Seq is the newest feed row that is known.
	Seq ident.FeedSeq
}

// Standing is the state of room_c at a moment.
type Standing struct {
	// Copy changes when Write no longer tells what was written since: a rebuild's switch, another log, a store that
	// was lost, a failover to a server that lacks transactions.
	Copy string
	// Write is the number of the newest transaction.
	Write int64
	// project.Position is the log's epoch, the feed's gapless end, and whether every room has its card.
	project.Position
	// ParkedWrite and AreasWrite are the newest transactions that changed the open dead letters and the area tree.
	ParkedWrite, AreasWrite int64
	// Proven is the newest proof of freshness that the projector has left here: everything committed before At
	// has a feed_seq of at most Seq, and the feed had reached it. Zero: none yet.
	Proven proof.Claim
	// Drained: the operators want no readers in this zone.
	Drained bool
}

// Delta is what lies between two marks.
type Delta struct {
	Standing
	Cards []view.RoomCard
	Feed  []project.FeedRow
	// Areas is the tree when a transaction after the mark's changed it, else nil.
	Areas []view.Area
	// To is the mark that holds with these, never before the one that was asked; More says that the store holds more
	// already.
	To   Mark
	More bool
}

// Witness keeps the projector's proof of freshness in room_c, for nodes that hear no beats themselves.
type Witness interface {
	// Prove stores the claim unless a later one is there. NOT_LEADER: somebody else is the projector.
	Prove(ctx context.Context, c proof.Claim) error
}

// News brings word of the projector's transactions to the zone's viewer nodes sooner than looking again would. It is
// a hint: it may be lost, repeated and late.
type News interface {
	// Tell says that something was written. It never blocks, and what cannot be told now is not told.
	Tell()
	// Hear calls f with each word, until ctx ends. f must not block.
	Hear(ctx context.Context, f func()) error
}
