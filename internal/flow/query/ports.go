package query

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Views is room_c as readers use it (L3).
type Views interface {
	// Cards finds rooms; absent ones are left out, the order is open.
	Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error)
	// ByAnchor lists an anchor's rooms by id, at most limit.
	ByAnchor(ctx context.Context, anchor ident.AnchorID, limit int) ([]view.RoomCard, error)
	// OnAir calls yield with every room that is on air, until it returns false.
	OnAir(ctx context.Context, yield func(view.RoomCard) bool) error
	// Newest pages through all rooms by id, from the newest (before 0) down, below before.
	Newest(ctx context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error)
	Areas(ctx context.Context) ([]view.Area, error)
}

// Second is L2: encoded entries that all viewer nodes of a zone share. It is a hint and never a truth: whatever it
// finds may be older than what this process knows, and Rooms believes it accordingly. What it does not
// find says nothing. Safe for concurrent use.
type Second interface {
	// Fetch finds rooms; absent ones, and those that cannot be read, are left out, the order is open.
	Fetch(ctx context.Context, ids []ident.RoomID) ([]Kept, error)
	// Offer stores each entry for SecondLife, unless what is there is newer: of a newer version, or of the same
	// version and proven as late. On an error any of them may have been stored.
	Offer(ctx context.Context, entries []Kept) error
}

// Kept is an entry as L2 keeps it.
type Kept struct {
	*Entry
	// Proven is the moment at which the process that offered it could prove that no newer version had been
	// committed. To the millisecond, never rounded up.
	Proven time.Time
}

// Newer is the order in which L2 replaces: whether k takes the place of have.
func (k Kept) Newer(have Kept) bool {
	return k.Version > have.Version || k.Version == have.Version && k.Proven.After(have.Proven)
}

// Cache is L1: encoded answers of rooms in this process. Safe for concurrent use.
type Cache interface {
	// Get finds a resident entry without waiting and without allocating.
	Get(id ident.RoomID) (*Entry, bool)
	// Put stores the entry unless a newer version is resident, and returns the one that is resident
	// afterwards. An entry on air stays resident until one that is not replaces it.
	Put(e *Entry) *Entry
	// Spare reports whether another entry would fit without pushing one out.
	Spare() bool
	// Clear drops everything.
	Clear()
	// Len is the number of resident entries.
	Len() int
}

// Freshness is what the projector can prove.
type Freshness interface {
	// ProvenAt is the newest moment at which the views were known to hold everything committed.
	ProvenAt() time.Time
	// Held: the room is parked, its changes are not applied; what was proven after since is not true of it.
	// Asked with every answer.
	Held(id ident.RoomID) (since time.Time, parked bool)
	// Complete is false while views are being filled: then a missing room proves nothing.
	Complete() bool
}

// Announcer carries word of hot rooms between the viewers' nodes. Words may be lost or come late; what
// stays hot is said again. Safe for concurrent use.
type Announcer interface {
	// Announce tells all other nodes of 1 to MaxHot rooms. It does not wait for them, and fails when
	// nobody can be told now.
	Announce(rooms []ident.RoomID) error
	// Listen calls hear with each word of another node, one after the other, until stop is called. The
	// rooms are 1 to MaxHot positive ids, nothing more is known of them; the slice is hear's. hear
	// must not block.
	Listen(hear func(rooms []ident.RoomID)) (stop func(), err error)
}
