package command

// Story: staff intervenes in a room. The order of things; core/room/control.go decides.

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// management is who writes interventions. What a cut does to the session is xanchor's row, and saved as its role.
const management = ownership.XRoomManagement

// Control runs the commands of room control. Its callers need the scope staff or ops.
type Control struct{ anchor *Anchor }

// NewControl makes them; they share the store, the clock and the ids of the broadcasters' commands.
func NewControl(a *Anchor) *Control { return &Control{a} }

// Intervene puts a level in force. CUT and LOCKED end the running session in the same transaction: nobody sees a
// locked room that is live. A room that more watch than one person may decide about gets a proposal instead:
// CONFIRMATION_NEEDED names it.
func (c *Control) Intervene(ctx context.Context, m Meta, id ident.RoomID, level view.ControlState, o room.Order) (*room.Room, error) {
	done, err := change(ctx, c, m, "Intervene", id, []any{level, o}, func(tx Tx, r *room.Room, by room.By) (decided, error) {
		return c.intervene(tx, m, r, by, level, o)
	})
	if err != nil {
		return nil, err
	}
	return done.answer()
}

// Lift takes a level back; one that is not in force stays so.
func (c *Control) Lift(ctx context.Context, m Meta, id ident.RoomID, level view.ControlState, reason string) (*room.Room, error) {
	return change(ctx, c, m, "Lift", id, []any{level, reason}, func(tx Tx, r *room.Room, by room.By) (*room.Room, error) {
		if err := r.Lift(by, level, reason); err != nil {
			return nil, err
		}
		return r, tx.SaveRoom(management, r)
	})
}

// Foresight is what a command of room control would do.
type Foresight struct {
	// Was is the room as it is committed, Then as it would be; neither may be saved.
	Was, Then *room.Room
	Viewers   Viewers
	// NeedsTwo: an intervention would wait for a second person.
	NeedsTwo bool
}

// Viewers is how many watch a room, as of a moment. Not Known: nobody can say, which is not to say that nobody watches.
type Viewers struct {
	Online int64
	AsOf   time.Time
	Known  bool
}

// Ends is the session that would end; 0 for none.
func (f Foresight) Ends() ident.SessionID {
	if f.Was.Session != nil && f.Then.Session == nil {
		return f.Was.Session.ID
	}
	return 0
}

// ForeseeIntervene says what Intervene would do, and refuses what it would refuse.
func (c *Control) ForeseeIntervene(ctx context.Context, m Meta, id ident.RoomID, level view.ControlState, o room.Order) (Foresight, error) {
	f, err := c.foresee(ctx, m, id, func(r *room.Room, by room.By) error {
		if err := r.Intervene(by, level, o); err != nil {
			return err
		}
		if ends(level) {
			r.EndBy(by, level)
		}
		return nil
	})
	f.NeedsTwo = err == nil && c.anchor.needsTwo(f.Viewers)
	return f, err
}

// ForeseeLift says what Lift would do.
func (c *Control) ForeseeLift(ctx context.Context, m Meta, id ident.RoomID, level view.ControlState, reason string) (Foresight, error) {
	return c.foresee(ctx, m, id, func(r *room.Room, by room.By) error { return r.Lift(by, level, reason) })
}

// foresee decides on a room that is not saved. A reading transaction: it holds up no writer.
func (c *Control) foresee(ctx context.Context, m Meta, id ident.RoomID, decide func(*room.Room, room.By) error) (Foresight, error) {
	if err := m.Caller.mustBePrivileged("room control"); err != nil {
		return Foresight{}, err
	}
	by := c.anchor.by(&m)
	f, err := read(ctx, c.anchor, func(rd Reader) (f Foresight, err error) {
		if f.Was, err = c.anchor.open(rd, m, id); err != nil {
			return f, err
		}
		if f.Then, err = rd.Room(id); err != nil {
			return f, err
		}
		return f, decide(f.Then, by)
	})
	if err == nil {
		f.Viewers = c.anchor.viewers(f.Was, by.Now)
	}
	return f, err
}

// viewers is how many watch a room now. One that is off the air has none.
func (a *Anchor) viewers(r *room.Room, now time.Time) (v Viewers) {
	if r.Session == nil {
		return Viewers{AsOf: now, Known: true}
	}
	if a.audience != nil {
		v.Online, v.AsOf, v.Known = a.audience.Online(r.ID, r.Session.ID)
	}
	return v
}

// Get is a room with its interventions, as committed.
func (c *Control) Get(ctx context.Context, m Meta, id ident.RoomID) (*room.Room, error) {
	if err := m.Caller.mustBePrivileged("room control"); err != nil {
		return nil, err
	}
	return read(ctx, c.anchor, func(rd Reader) (*room.Room, error) { return c.anchor.open(rd, m, id) })
}

// ends reports whether a level ends the running session.
func ends(level view.ControlState) bool { return level == view.Cut || level == view.Locked }

// InForce pages by id, above after, through the rooms whose strongest intervention is state; NORMAL: that have any.
func (c *Control) InForce(ctx context.Context, m Meta, state view.ControlState, after ident.RoomID, limit int) ([]*room.Room, error) {
	if err := m.Caller.mustBePrivileged("room control"); err != nil {
		return nil, err
	}
	return read(ctx, c.anchor, func(rd Reader) ([]*room.Room, error) { return rd.Controlled(state, after, limit) })
}

// change is the frame of room control: check the caller, load, check the condition; the steps save for themselves.
func change[T any](ctx context.Context, c *Control, m Meta, name string, id ident.RoomID, request []any,
	steps func(Tx, *room.Room, room.By) (T, error),
) (none T, err error) {
	if err := m.Caller.mustBePrivileged("room control"); err != nil {
		return none, err
	}
	by := c.anchor.by(&m)
	return remembered(ctx, c.anchor, m, name, []any{id, m.IfMatch, request}, func(tx Tx) (T, error) {
		r, err := c.anchor.open(tx, m, id)
		if err != nil {
			return none, err
		}
		return steps(tx, r, by)
	})
}
