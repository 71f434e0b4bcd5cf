package command

// Story: what one of the staff wants for a room that many watch, another confirms. The order of things;
// core/room/proposal.go decides.

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// decided is what came of an intervention: the room with it in force, or the proposal that waits for another person.
type decided struct {
	Room    *room.Room
	Waiting *room.Proposal
}

func (d decided) answer() (*room.Room, error) {
	if d.Waiting != nil {
		return nil, d.Waiting.Needed()
	}
	return d.Room, nil
}

// needsTwo reports whether one person alone may not intervene. Where nobody can say how many watch, one may: it is
// an outage, the broadcast may do harm meanwhile, and every intervention can be taken back.
func (a *Anchor) needsTwo(v Viewers) bool {
	return a.twoPerson > 0 && v.Known && v.Online > a.twoPerson
}

// intervene puts a level in force, or stores that somebody wants to.
func (c *Control) intervene(tx Tx, m Meta, r *room.Room, by room.By, level view.ControlState, o room.Order) (decided, error) {
	seen := c.anchor.viewers(r, by.Now)
	if !c.anchor.needsTwo(seen) {
		if err := r.Intervene(by, level, o); err != nil {
			return decided{}, err
		}
		return c.inForce(tx, r, by, level)
	}
	p, err := r.Propose(by, ident.ProposalID(c.anchor.ids.Mint(by.Now)), level, o, seen.Online)
	if err != nil {
		return decided{}, err
	}
	if o.Emergency == "" {
		return decided{Waiting: p}, tx.SaveProposal(management, p)
	}
	if !m.Caller.Has(ScopeOps) {
		return decided{}, fault.PermissionDenied.New("an emergency needs the scope ops")
	}
	if err := p.Override(by, r); err != nil {
		return decided{}, err
	}
	if err := tx.SaveProposal(management, p); err != nil {
		return decided{}, err
	}
	return c.inForce(tx, r, by, level)
}

// inForce saves a room that has just got a level, and ends the running session if the level does.
func (c *Control) inForce(tx Tx, r *room.Room, by room.By, level view.ControlState) (decided, error) {
	if err := tx.SaveRoom(management, r); err != nil || !ends(level) {
		return decided{Room: r}, err
	}
	r = r.Stored() // the next step is another role's
	if !r.EndBy(by, level) {
		return decided{Room: r}, nil
	}
	return decided{Room: r}, tx.SaveRoom(role, r)
}

// Confirm does what another person proposed, once, in the transaction of its confirmation.
func (c *Control) Confirm(ctx context.Context, m Meta, id ident.ProposalID) (*room.Room, error) {
	if err := m.Caller.mustBePrivileged("room control"); err != nil {
		return nil, err
	}
	by := c.anchor.by(&m)
	return remembered(ctx, c.anchor, m, "Confirm", []any{id, m.IfMatch}, func(tx Tx) (*room.Room, error) {
		p, err := tx.Proposal(id)
		if err != nil {
			return nil, err
		}
		r, err := c.anchor.open(tx, m, p.Room)
		if err != nil {
			return nil, err
		}
		if err := p.Confirm(by, r); err != nil {
			return nil, err
		}
		if err := tx.SaveProposal(management, p); err != nil {
			return nil, err
		}
		done, err := c.inForce(tx, r, by, p.Level)
		return done.Room, err
	})
}

// Decline closes a proposal without doing it; who proposed it may.
func (c *Control) Decline(ctx context.Context, m Meta, id ident.ProposalID) (*room.Proposal, error) {
	if err := m.Caller.mustBePrivileged("room control"); err != nil {
		return nil, err
	}
	by := c.anchor.by(&m)
	return remembered(ctx, c.anchor, m, "Decline", []any{id}, func(tx Tx) (*room.Proposal, error) {
		p, err := tx.Proposal(id)
		if err != nil {
			return nil, err
		}
		if err := p.Decline(by); err != nil {
			return nil, err
		}
		return p, tx.SaveProposal(management, p)
	})
}

// Proposals pages through proposals, newest first, below before; with open, those that can be decided now.
func (c *Control) Proposals(ctx context.Context, m Meta, open bool, before ident.ProposalID, limit int) ([]*room.Proposal, error) {
	if err := m.Caller.mustBePrivileged("room control"); err != nil {
		return nil, err
	}
	return read(ctx, c.anchor, func(rd Reader) ([]*room.Proposal, error) { return rd.Proposals(open, c.anchor.now(), before, limit) })
}
