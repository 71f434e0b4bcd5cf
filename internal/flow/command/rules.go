package command

// Story: the rules of speech. The order of things; core/room/rules.go decides.

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Rules runs the commands on rules. Who may: a room's owner, its moderators, staff and ops; on the platform staff and
// ops. IfMatch is the document's version.
type Rules struct{ anchor *Anchor }

// NewRules makes them; they share the store and the clock of the broadcasters' commands.
func NewRules(a *Anchor) *Rules { return &Rules{a} }

// Get is a place's document; version 0 when nobody ever set any rules.
func (c *Rules) Get(ctx context.Context, m Meta, place ident.RoomID) (*room.Rules, error) {
	return read(ctx, c.anchor, func(rd Reader) (*room.Rules, error) {
		if _, _, err := openPlace(rd, m.Caller, place, c.anchor.now()); err != nil {
			return nil, err
		}
		return rd.Rules(place)
	})
}

// Set puts a whole document in place.
func (c *Rules) Set(ctx context.Context, m Meta, place ident.RoomID, next view.Rules) (*room.Rules, error) {
	return c.change(ctx, m, "SetRules", place, next, func(view.Rules) view.Rules { return next })
}

// Patch changes the fields that the patch holds.
func (c *Rules) Patch(ctx context.Context, m Meta, place ident.RoomID, p room.RulesPatch) (*room.Rules, error) {
	return c.change(ctx, m, "UpdateRules", place, p, p.Over)
}

// ChangeTerms blocks terms and lets others go: two who do so at once do not undo each other's.
func (c *Rules) ChangeTerms(ctx context.Context, m Meta, place ident.RoomID, add, remove []string) (*room.Rules, error) {
	return c.change(ctx, m, "ChangeTerms", place, []any{add, remove}, func(now view.Rules) view.Rules {
		return room.WithTerms(now, add, remove)
	})
}

func (c *Rules) change(ctx context.Context, m Meta, name string, place ident.RoomID, request any, edit func(view.Rules) view.Rules) (*room.Rules, error) {
	by := c.anchor.by(&m)
	return remembered(ctx, c.anchor, m, name, []any{place, m.IfMatch, request}, func(tx Tx) (*room.Rules, error) {
		in, _, err := openPlace(tx, m.Caller, place, by.Now)
		if err != nil {
			return nil, err
		}
		d, err := tx.Rules(place)
		if err != nil {
			return nil, err
		}
		if m.IfMatch != 0 && d.Version != m.IfMatch {
			return nil, fault.VersionConflict.New("the rules are at version %s, not %s", d.Version, m.IfMatch).With("version", d.Version.String())
		}
		if err := d.Set(by, in, edit(d.Rules)); err != nil || !d.Changed() {
			return d, err
		}
		if err := savePlace(tx, in); err != nil {
			return nil, err
		}
		return d, tx.SaveRules(management, place, d)
	})
}
