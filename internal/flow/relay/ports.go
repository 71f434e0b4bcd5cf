package relay

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Log is the committed outbox of the B database, and the order the sequencer gave it.
type Log interface {
	// Sequence gives the next feed_seq to up to limit committed events that have none yet, in
	// commit order, and returns them, durable. It looks for "not yet sequenced", never for "greater
	// than the last": a transaction that commits late is found, not skipped. A store with one writer may
	// have given the places at commit; then Sequence returns what this process committed since it was last
	// called, and whoever misses any of it finds it by After.
	Sequence(ctx context.Context, limit int) ([]event.RoomEvent, error)
	// After returns up to limit sequenced events with a larger feed_seq, in order.
	After(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error)
	// End is the newest feed_seq; 0 for an empty log.
	End(ctx context.Context) (ident.FeedSeq, error)
	// Subscribe calls f after every durable commit of this process with its events, before the commands are
	// answered: in commit order, which is that of each room alone where commits of different rooms run at once.
	// f must not block and must not change them. Called once, before the first commit.
	Subscribe(f func([]event.RoomEvent))
}

// Bus is the broker's sending end. It is transport, never truth: losing what it holds costs nothing.
type Bus interface {
	// Publish hands over the events in order and returns when the broker has acknowledged all of
	// them. An error leaves open which arrived: publish all again, the ids are the same.
	Publish(ctx context.Context, events []event.RoomEvent) error
	// Position is the newest feed_seq the broker holds, 0 for a broker that is new or was wiped.
	Position(ctx context.Context) (ident.FeedSeq, error)
}

// Ingest is the C side's entrance for the direct courier.
type Ingest interface {
	// Push applies the events, or fails; the queue brings them too.
	Push(ctx context.Context, events []event.RoomEvent) error
}
