package event

import (
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Beat is the heartbeat of the log: everything that was committed before At has a feed_seq of at most Seq.
// Whoever holds all events up to Seq was fresh at At. It is no event: it changes nothing, is not
// kept, and one that is lost is followed by the next.
type Beat struct {
	Epoch string
	Seq   ident.FeedSeq
	At    time.Time // by B's clock
}
