package command

// Story: what hangs in a room beside the stream. The order of things; core/room/extension.go decides.

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// extending is who writes what hangs in a room.
const extending = ownership.XRoomExtend

// Extend runs the commands of a room's extension.
type Extend struct{ anchor *Anchor }

// NewExtend makes them; they share the store, the clock and the ids of the broadcasters' commands.
func NewExtend(a *Anchor) *Extend { return &Extend{a} }

// Get reads the room with all of its extension, also what viewers do not see yet. For the room's anchor, staff and ops.
func (e *Extend) Get(ctx context.Context, m Meta, id ident.RoomID) (*room.Room, error) {
	return e.anchor.GetRoom(ctx, m, id)
}

// Announce changes the announcement; an empty one takes it down. For the room's anchor, staff and ops.
func (e *Extend) Announce(ctx context.Context, m Meta, id ident.RoomID, words string) (*room.Room, error) {
	return e.change(ctx, m, "Announce", id, words, func(r *room.Room, by room.By) error { return r.Announce(by, words) })
}

// Pin changes the pinned message; an empty one takes it down. For the room's anchor, staff and ops.
func (e *Extend) Pin(ctx context.Context, m Meta, id ident.RoomID, words string) (*room.Room, error) {
	return e.change(ctx, m, "Pin", id, words, func(r *room.Room, by room.By) error { return r.Pin(by, words) })
}

// GrantBadge gives a badge, or moves the window of the one that has the name: a zero from is now, a zero until never.
// For staff and ops: a badge says what the platform thinks of a room.
func (e *Extend) GrantBadge(ctx context.Context, m Meta, id ident.RoomID, name string, from, until time.Time) (*room.Room, error) {
	if err := m.Caller.mustBePrivileged("granting a badge"); err != nil {
		return nil, err
	}
	from, until = from.UTC().Truncate(time.Millisecond), until.UTC().Truncate(time.Millisecond) // as stores keep them
	return e.change(ctx, m, "GrantBadge", id, []any{name, from, until}, func(r *room.Room, by room.By) error {
		return r.GrantBadge(by, name, from, until)
	})
}

// RevokeBadge takes a badge away; one that the room does not have stays so. For staff and ops.
func (e *Extend) RevokeBadge(ctx context.Context, m Meta, id ident.RoomID, name string) (*room.Room, error) {
	if err := m.Caller.mustBePrivileged("revoking a badge"); err != nil {
		return nil, err
	}
	return e.change(ctx, m, "RevokeBadge", id, name, func(r *room.Room, by room.By) error {
		r.RevokeBadge(by, name)
		return nil
	})
}

// change is the frame of these commands: load, check the caller and the condition, decide, save.
func (e *Extend) change(ctx context.Context, m Meta, name string, id ident.RoomID, request any,
	decide func(*room.Room, room.By) error,
) (*room.Room, error) {
	by := e.anchor.by(&m)
	return remembered(ctx, e.anchor, m, name, []any{id, m.IfMatch, request}, func(tx Tx) (*room.Room, error) {
		r, err := e.anchor.open(tx, m, id)
		if err != nil {
			return nil, err
		}
		if err := decide(r, by); err != nil {
			return nil, err
		}
		return r, tx.SaveRoom(extending, r)
	})
}
