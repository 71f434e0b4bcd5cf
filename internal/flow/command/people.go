package command

// Story: people in a room and on the platform. The order of things; core/room/people.go decides.

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// People runs the commands on people. Who may: a room's owner, its moderators, staff and ops; on the platform staff and ops.
type People struct{ anchor *Anchor }

// NewPeople makes them; they share the store, the clock and the ids of the broadcasters' commands.
func NewPeople(a *Anchor) *People { return &People{a} }

// Named is whom a command is about.
type Named struct {
	// Place is a room, or ident.Platform.
	Place ident.RoomID
	Users []ident.UserID
	// DryRun asks what would become of them, and changes nothing.
	DryRun bool
}

// Treated is what became of them.
type Treated struct {
	// Version is the place's after the command; of a dry run, as it is.
	Version  ident.Version
	Outcomes []room.Outcome
}

// Sanction mutes or bans; who is already has the new term.
func (p *People) Sanction(ctx context.Context, m Meta, n Named, measure room.Measure, t room.Term) (Treated, error) {
	return p.change(ctx, m, "Sanction", n, []any{measure, t}, func(of *room.People, rank room.Rank, by room.By) ([]room.Outcome, error) {
		return of.Sanction(by, rank, measure, n.Users, t)
	})
}

// Lift takes a sanction back; who has none stays so.
func (p *People) Lift(ctx context.Context, m Meta, n Named, measure room.Measure, reason string) (Treated, error) {
	return p.change(ctx, m, "LiftSanction", n, []any{measure, reason}, func(of *room.People, _ room.Rank, by room.By) ([]room.Outcome, error) {
		return of.Lift(by, measure, n.Users, reason)
	})
}

// Grant gives a role, for good when until and lasts are zero. Moderators grant none.
func (p *People) Grant(ctx context.Context, m Meta, n Named, role view.Role, until time.Time, lasts time.Duration) (Treated, error) {
	return p.change(ctx, m, "GrantRole", n, []any{role, until, lasts}, func(of *room.People, rank room.Rank, by room.By) ([]room.Outcome, error) {
		if err := mustGrant(m.Caller, rank); err != nil {
			return nil, err
		}
		if lasts > 0 {
			until = by.Now.Add(lasts)
		}
		return of.Grant(by, role, n.Users, until)
	})
}

// Revoke makes users viewers again. Moderators revoke no role.
func (p *People) Revoke(ctx context.Context, m Meta, n Named) (Treated, error) {
	return p.change(ctx, m, "RevokeRole", n, nil, func(of *room.People, rank room.Rank, by room.By) ([]room.Outcome, error) {
		if err := mustGrant(m.Caller, rank); err != nil {
			return nil, err
		}
		return of.Revoke(by, n.Users)
	})
}

func mustGrant(c Caller, rank room.Rank) error {
	if rank == room.ByModerator {
		return fault.PermissionDenied.New("%s is a moderator: roles are the owner's and staff's to give", c.Subject)
	}
	return nil
}

// Get is one user of a place; one of whom nothing is to be said is a viewer.
func (p *People) Get(ctx context.Context, m Meta, place ident.RoomID, user ident.UserID) (room.Person, error) {
	return read(ctx, p.anchor, func(rd Reader) (room.Person, error) {
		if _, _, err := openPlace(rd, m.Caller, place, p.anchor.now()); err != nil {
			return room.Person{}, err
		}
		list, err := rd.Persons(place, []ident.UserID{user})
		if len(list) == 0 {
			return room.Person{Person: view.Person{User: user}}, err
		}
		return m.Caller.shown(list[0]), err
	})
}

// List pages by user, above after, through the people of a kind.
func (p *People) List(ctx context.Context, m Meta, place ident.RoomID, kind room.Kind, after ident.UserID, limit int) ([]room.Person, error) {
	return read(ctx, p.anchor, func(rd Reader) ([]room.Person, error) {
		if _, _, err := openPlace(rd, m.Caller, place, p.anchor.now()); err != nil {
			return nil, err
		}
		list, err := rd.People(place, kind, after, limit)
		for i := range list {
			list[i] = m.Caller.shown(list[i])
		}
		return list, err
	})
}

// shown leaves staff's notes out for everybody else.
func (c Caller) shown(x room.Person) room.Person {
	if !c.privileged() {
		x.Granted.Note, x.Muted.Note, x.Banned.Note = "", "", ""
	}
	return x
}

// change is the frame of these commands: check the caller and the condition, load the users, decide, save.
func (p *People) change(ctx context.Context, m Meta, name string, n Named, request any,
	decide func(*room.People, room.Rank, room.By) ([]room.Outcome, error),
) (Treated, error) {
	by := p.anchor.by(&m)
	do := func(rd Reader) (in room.Place, of *room.People, out Treated, err error) {
		in, rank, err := openPlace(rd, m.Caller, n.Place, by.Now)
		if err == nil {
			err = mustBeAt(in, m.IfMatch)
		}
		if err != nil {
			return nil, nil, out, err
		}
		loaded, err := rd.Persons(n.Place, n.Users[:min(len(n.Users), room.MaxNamed)]) // too many are refused below
		if err != nil {
			return nil, nil, out, err
		}
		was := in.At()
		of = room.PeopleIn(in, loaded)
		out.Outcomes, err = decide(of, rank, by)
		if out.Version = in.At(); n.DryRun {
			out.Version = was
		}
		return in, of, out, err
	}
	if n.DryRun {
		return read(ctx, p.anchor, func(rd Reader) (Treated, error) {
			_, _, out, err := do(rd)
			return out, err
		})
	}
	return remembered(ctx, p.anchor, m, name, []any{n, m.IfMatch, request}, func(tx Tx) (Treated, error) {
		in, of, out, err := do(tx)
		if err != nil || len(of.Changed()) == 0 {
			return out, err
		}
		if err := savePlace(tx, in); err != nil {
			return out, err
		}
		return out, tx.SavePeople(management, of)
	})
}

// openPlace loads a place, and says what the caller is there. A moderator's token holds the scopes moderator and
// anchor:<uid>: the one lets it moderate, the other says whose entry in the room makes it a moderator of this one.
func openPlace(rd Reader, c Caller, id ident.RoomID, now time.Time) (room.Place, room.Rank, error) {
	if id == ident.Platform {
		if err := c.mustBePrivileged("the platform's people and rules"); err != nil {
			return nil, 0, err
		}
	}
	in, err := loadPlace(rd, id)
	if err != nil || c.privileged() {
		return in, room.ByStaff, err
	}
	r := in.(*room.Room) //nolint:forcetypeassert // the platform is for the privileged
	switch {
	case c.mayAct(r) == nil:
		return r, room.ByOwner, nil
	case c.Has(ScopeModerator) && c.Anchor != 0:
		list, err := rd.Persons(id, []ident.UserID{ident.UserID(c.Anchor)})
		if err != nil {
			return nil, 0, err
		}
		if len(list) == 1 && list[0].Moderates(now) {
			return r, room.ByModerator, nil
		}
	}
	return nil, 0, c.mayAct(r)
}

func loadPlace(rd Reader, id ident.RoomID) (room.Place, error) {
	if id == ident.Platform {
		return rd.AreaTree()
	}
	return rd.Room(id)
}

func savePlace(tx Tx, in room.Place) error {
	if tree, ok := in.(*room.AreaTree); ok {
		return tx.SaveAreaTree(management, tree)
	}
	return tx.SaveRoom(management, in.(*room.Room)) //nolint:forcetypeassert // loadPlace gives nothing else
}

// mustBeAt is VERSION_CONFLICT when the place moved on since the caller saw it; 0 is no condition.
func mustBeAt(in room.Place, version ident.Version) error {
	if have := in.At(); version != 0 && have != version {
		return fault.VersionConflict.New("at version %s, not %s", have, version).With("version", have.String())
	}
	return nil
}
