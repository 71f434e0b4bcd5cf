package project

import (
	"context"
	"fmt"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// Delivery is what a courier hands to Apply.
type Delivery struct {
	Courier station.Courier
	// Event is whole, unless Read is set: then it holds no more than room, version, epoch, feed_seq and the times
	// of commit and publishing, which is enough to know an event that came before.
	Event event.RoomEvent
	// Read reads Raw. Not nil: nobody has read it yet.
	Read func(raw []byte) (event.RoomEvent, error)
	// Room is known from the address even when the event itself cannot be read.
	Room       ident.RoomID
	ReceivedAt time.Time
	// Unreadable says why the event could not be decoded; Raw is what arrived.
	Unreadable error
	Raw        []byte
}

// Open reads what has not been read.
func (d *Delivery) Open() {
	if d.Read == nil {
		return
	}
	d.Event, d.Unreadable = d.Read(d.Raw)
	d.Read = nil
	if d.Unreadable == nil && d.Event.RoomID != d.Room {
		d.Unreadable = fmt.Errorf("event %s arrived under the address of room %s", d.Event.ID(), d.Room)
	}
	if d.Unreadable == nil {
		d.Raw = nil
	}
}

// Queue is the broker's receiving end.
type Queue interface {
	// Consume calls handle with batches, each room's events in order, until ctx ends. What handle
	// takes without error is acknowledged and not delivered again; on an error the batch comes back
	// after a backoff. A broker that is gone is waited for.
	Consume(ctx context.Context, handle func(context.Context, []Delivery) error) error
}

// Source serves B's committed state and log; in a fleet it is another machine. It never
// shows what is not committed.
type Source interface {
	// Head says how far the log goes at this moment.
	Head(ctx context.Context) (Head, error)
	// Events returns up to limit sequenced events after a position, in order.
	Events(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error)
	// Snapshot is the committed card of a room; false when there is no such room.
	Snapshot(ctx context.Context, id ident.RoomID) (view.RoomCard, bool, error)
	// Snapshots pages through all committed cards by id.
	Snapshots(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error)
	// Areas is the committed tree with its version.
	Areas(ctx context.Context) ([]view.Area, ident.Version, error)
	// Count is the number of rooms, for progress bars.
	Count(ctx context.Context) (int64, error)
}

// PeopleSource serves what B has committed of people and rules. A page and its head are one snapshot; pages are not: who
// begins to follow the details behind the first page's head, and takes nothing older than it has, ends with what B has.
type PeopleSource interface {
	// People pages by room and user, above after, through the entries of all places; ident.Platform's come first. Who is nothing
	// but a viewer has none.
	People(ctx context.Context, after PersonKey, limit int) (PeoplePage, error)
	// Rules pages by id, from that room on, through the documents of all places; ident.Platform's comes first.
	Rules(ctx context.Context, from ident.RoomID, limit int) (RulesPage, error)
}

// PersonKey names an entry.
type PersonKey struct {
	Room ident.RoomID
	User ident.UserID
}

// PeoplePage is a page of entries; an empty one is the end.
type PeoplePage struct {
	Head   Head
	People []RoomPerson
}

// RoomPerson is a user of a room, or of the platform.
type RoomPerson struct {
	Room ident.RoomID
	// Version is the room's at the entry's last change.
	Version ident.Version
	Person  view.Person
}

// RulesPage is a page of documents; an empty one is the end.
type RulesPage struct {
	Head  Head
	Rules []RoomRules
}

// RoomRules are the rules of a room, or of the platform.
type RoomRules struct {
	Room ident.RoomID
	// Version is the room's at the document's last change.
	Version ident.Version
	Rules   view.Rules
}

// Head is a position of the log at a moment.
type Head struct {
	Epoch string
	// Seq is the newest sequenced position, Floor the oldest that is kept (Seq+1 when none is).
	Seq   ident.FeedSeq
	Floor ident.FeedSeq
	// Pending is how many committed events had no feed_seq yet, 0 for a log that gives it at commit; read in one snapshot with Seq. Views that
	// have reached Seq+Pending hold everything that was committed at that moment.
	Pending int64
}

// Views is room_c as its one writer uses it.
type Views interface {
	// Write stores the batch in one transaction: cards and areas only over older versions, feed
	// rows only where there is none. It returns the ids of cards that were taken. STORE_UNAVAILABLE
	// means try again; any other error means that something in the batch cannot be stored.
	Write(ctx context.Context, b Batch) ([]ident.RoomID, error)
	// Versions returns the stored version of each room; absent ones are left out.
	Versions(ctx context.Context, ids []ident.RoomID) (map[ident.RoomID]ident.Version, error)
	// ForgetFeed drops feed rows before a position, the oldest first, in one bounded transaction; more: there are others.
	// A shadow loses the same.
	ForgetFeed(ctx context.Context, before ident.FeedSeq) (more bool, err error)
	AreasVersion(ctx context.Context) (ident.Version, error)
	Position(ctx context.Context) (Position, error)
	Parked(ctx context.Context, q ParkedQuery) ([]Parked, error)

	// Shadow begins an empty second copy of the cards and the feed; from now on Write fills both.
	Shadow(ctx context.Context) error
	// WriteShadow stores a batch in the shadow only.
	WriteShadow(ctx context.Context, b Batch) error
	// ShadowCards pages through the shadow's cards by id, for the proof before the switch.
	ShadowCards(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error)
	// Switch puts the shadow in the place of the views, at once; Drop throws it away.
	Switch(ctx context.Context) error
	Drop(ctx context.Context) error
	// Reset empties everything for a log of another epoch.
	Reset(ctx context.Context, p Position) error
	// Reopen looks whether the store is still the one that was opened; when it was deleted or replaced
	// underneath, an empty one takes its place and lost is true.
	Reopen(ctx context.Context) (lost bool, err error)
}

// Position is how far the views have followed the log.
type Position struct {
	Epoch string
	// Contiguous: every event up to here is in the feed, none is missing.
	Contiguous ident.FeedSeq
	// Complete: every room of the log up to Contiguous has its card. False while a first fill or a
	// rebuild after a loss runs; then a missing card proves nothing.
	Complete bool
}

// Batch is one transaction's worth of views.
type Batch struct {
	Cards []view.RoomCard
	Feed  []FeedRow
	// Areas is stored when AreasVersion is newer; nil for none.
	Areas        []view.Area
	AreasVersion ident.Version
	// Position is stored when it is not nil.
	Position *Position
	Park     []Parked
	Heal     []Healing
}

// FeedRow is one event as the feed serves it.
type FeedRow struct {
	Seq     ident.FeedSeq
	Room    ident.RoomID
	Version ident.Version
	Type    event.Type
	// JSON is the finished line, without its end.
	JSON []byte
	// Detail is what the event carries beside the card; nil for most. Whoever reads the feed does not get it.
	Detail *view.Detail
	// Unread: the event could not be read, and nobody knows what it carried.
	Unread bool
}

// DetailRow is a row of the feed that carries a detail, or may have.
type DetailRow struct {
	Seq  ident.FeedSeq
	Room ident.RoomID
	// Version is the room's after the event.
	Version ident.Version
	// Detail is nil when it could not be read: what changed must be asked of B.
	Detail *view.Detail
}

// Parked is a dead letter: its room waits until it is healed.
type Parked struct {
	ID       int64
	Room     ident.RoomID
	Version  ident.Version
	Seq      ident.FeedSeq
	Type     event.Type
	Courier  station.Courier
	Reason   string
	Raw      []byte
	ParkedAt time.Time
	Attempts int
	HealedAt time.Time
	HealedBy string
}

// Healing closes the open dead letters of a room, or counts an attempt that failed (By empty).
type Healing struct {
	Room ident.RoomID
	By   string
	At   time.Time
}

// ParkedQuery selects dead letters, newest first.
type ParkedQuery struct {
	ID     int64 // this one only
	Room   ident.RoomID
	Before int64 // below this id; 0 from the newest
	Limit  int
	Open   bool // only those not healed
}

// Audience of changes: the C side's caches and the feed's watchers.
type Audience interface {
	// Changed is called after the transaction, in order, never concurrently; it must not block.
	Changed(c Change)
}

// Change is what a transaction made visible.
type Change struct {
	// Cards that were taken, in the order of the batch; each came with the event beside it.
	Cards []view.RoomCard
	Areas []view.Area
	Feed  []FeedRow
	// Contiguous is the end of what is stored of the feed. It lies before an earlier one while a store
	// that was lost is filled again.
	Contiguous ident.FeedSeq
	// Reset: throw away everything cached before looking at the rest; it is another log's, or another copy's.
	Reset bool
}
