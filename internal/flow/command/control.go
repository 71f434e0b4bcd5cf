package command

// Story: staff intervenes in a room. The order of things; core/room/control.go decides.

import (
	"context"

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
// locked room that is live.
func (c *Control) Intervene(ctx context.Context, m Meta, id ident.RoomID, level view.ControlState, o room.Order) (*room.Room, error) {
	return c.change(ctx, m, "Intervene", id, []any{level, o}, func(tx Tx, r *room.Room, by room.By) (*room.Room, error) {
		if err := r.Intervene(by, level, o); err != nil {
			return nil, err
		}
		if err := tx.SaveRoom(management, r); err != nil || (level != view.Cut && level != view.Locked) {
			return r, err
		}
		r = r.Stored() // the next step is another role's
		if !r.EndBy(by, level) {
			return r, nil
		}
		return r, tx.SaveRoom(role, r)
	})
}

// Lift takes a level back; one that is not in force stays so.
func (c *Control) Lift(ctx context.Context, m Meta, id ident.RoomID, level view.ControlState, reason string) (*room.Room, error) {
	return c.change(ctx, m, "Lift", id, []any{level, reason}, func(tx Tx, r *room.Room, by room.By) (*room.Room, error) {
		if err := r.Lift(by, level, reason); err != nil {
			return nil, err
		}
		return r, tx.SaveRoom(management, r)
	})
}

// InForce pages by id, above after, through the rooms whose strongest intervention is state; NORMAL: that have any.
func (c *Control) InForce(ctx context.Context, m Meta, state view.ControlState, after ident.RoomID, limit int) ([]*room.Room, error) {
	if err := m.Caller.mustBePrivileged("room control"); err != nil {
		return nil, err
	}
	return read(ctx, c.anchor, func(rd Reader) ([]*room.Room, error) { return rd.Controlled(state, after, limit) })
}

// change is the frame of room control: check the caller, load, check the condition; the steps save for themselves.
func (c *Control) change(ctx context.Context, m Meta, name string, id ident.RoomID, request []any,
	steps func(Tx, *room.Room, room.By) (*room.Room, error),
) (*room.Room, error) {
	if err := m.Caller.mustBePrivileged("room control"); err != nil {
		return nil, err
	}
	by := c.anchor.by(m)
	return remembered(ctx, c.anchor, m, name, []any{id, m.IfMatch, request}, func(tx Tx) (*room.Room, error) {
		r, err := c.anchor.open(tx, m, id)
		if err != nil {
			return nil, err
		}
		return steps(tx, r, by)
	})
}
