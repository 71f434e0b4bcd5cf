package room

// Story: who is what in a room, who may not speak in it, and who is kept out.
//
//	door/commandapi ─▶ command.People ─▶ this file decides ─▶ store commits {state, outbox} ─▶ as every change
//
// A room may have a hundred thousand people of whom something is to be said, so they are no part of the aggregate: a
// command loads the users whom it names. The room's version counts what happens to them, one step for all users of a
// command, and the step's event carries their whole after-state as its detail. The platform is such a place, too: its
// aggregate is the area tree.

import (
	"maps"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// MaxNamed bounds the users of one command: one transaction, and one event.
	MaxNamed = 1000
	// MaxSanctionReason is in runes. An event holds the reason once for each user, and has to fit a message of the broker.
	MaxSanctionReason = 100
)

// Person is a user of a room, or of the platform.
type Person struct {
	view.Person
	// Granted, Muted and Banned say who did it; they never leave B.
	Granted Hand `json:"granted,omitzero"`
	Muted   Hand `json:"muted,omitzero"`
	Banned  Hand `json:"banned,omitzero"`
	// Version is that of the place at the last change.
	Version ident.Version `json:"-"`
}

// Hand is who did something, and what staff noted of it.
type Hand struct {
	Actor string `json:"actor"`
	Note  string `json:"note,omitempty"`
}

// Kind selects people of a place.
type Kind uint8

// The closed set of kinds; the numbers are those of the proto enum.
const (
	Everybody Kind = iota
	Muted
	Banned
	Moderators
	VIPs
)

// Is reports whether the person is of the kind.
func (k Kind) Is(p *Person) bool {
	switch k {
	case Everybody:
		return true
	case Muted:
		return p.Mute != nil
	case Banned:
		return p.Ban != nil
	case Moderators:
		return p.Role == view.Moderator
	case VIPs:
		return p.Role == view.VIP
	}
	return false
}

// Due is when the next thing about the person ends by itself; zero for never, and for what ends with a session.
func (p *Person) Due() (next time.Time) {
	ends := []time.Time{p.RoleUntil}
	for _, s := range []*view.Sanction{p.Mute, p.Ban} {
		if s != nil {
			ends = append(ends, s.Until)
		}
	}
	for _, at := range ends {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// Session is the one that a mute ends with; 0 for none.
func (p *Person) Session() ident.SessionID {
	if p.Mute == nil {
		return 0
	}
	return p.Mute.Session
}

// Moderates reports whether the person is a moderator at now.
func (p *Person) Moderates(now time.Time) bool {
	return p.Role == view.Moderator && !passed(p.RoleUntil, now)
}

// Rank is what a caller is in a place.
type Rank uint8

// The ranks. Staff has no user here: it acts by its token, and is in no list.
const (
	ByModerator Rank = iota + 1
	ByOwner
	ByStaff
)

// Outcome is what became of one user of a command.
type Outcome struct {
	User ident.UserID
	// Already: it was so before.
	Already bool
	// Refused is why nothing was done; empty when something was, or was so already. Code is its code's name.
	Code, Refused string
}

// Measure is a sanction's kind.
type Measure uint8

// The measures.
const (
	Mute Measure = iota
	Ban
)

// Term is how long a sanction lasts, and why. Zero Until and For, and no Session: until it is lifted.
type Term struct {
	// Reason is what the user may read, Note is for staff.
	Reason, Note string
	Until        time.Time
	// For is Until counted from the command's own clock: what is asked again under one Idempotency-Key stays one request.
	For time.Duration
	// Session ends it with the broadcast that runs; only for a mute.
	Session bool
}

// Place is whose version counts what happens to people: a room, or the platform, whose aggregate is the area tree.
type Place interface {
	// At is the version.
	At() ident.Version
	place() ident.RoomID
	owner() ident.UserID
	broadcast() ident.SessionID
	step(by By, t event.Type, reason string) *event.RoomEvent
}

// At is Place.
func (r *Room) At() ident.Version { return r.Version }

// At is Place.
func (t *AreaTree) At() ident.Version { return t.Version }

func (r *Room) place() ident.RoomID { return r.ID }
func (r *Room) owner() ident.UserID { return ident.UserID(r.Anchor) }
func (r *Room) broadcast() ident.SessionID {
	if r.Session == nil {
		return 0
	}
	return r.Session.ID
}
func (r *Room) step(by By, t event.Type, reason string) *event.RoomEvent {
	return r.record(by, t, reason)
}

func (*AreaTree) place() ident.RoomID        { return ident.Platform }
func (*AreaTree) owner() ident.UserID        { return 0 }
func (*AreaTree) broadcast() ident.SessionID { return 0 }
func (t *AreaTree) step(by By, as event.Type, reason string) *event.RoomEvent {
	return t.recordAs(by, as, reason)
}

// People are the users of a place whom one command names.
type People struct {
	in      Place
	by      map[ident.UserID]*Person
	changed []ident.UserID
}

// PeopleIn gathers what a store has of the users whom a command names; who is not among them is a viewer.
func PeopleIn(in Place, loaded []Person) *People {
	p := &People{in: in, by: make(map[ident.UserID]*Person, len(loaded))}
	for _, each := range loaded {
		p.by[each.User] = &each
	}
	return p
}

// Place is whose people they are.
func (p *People) Place() ident.RoomID { return p.in.place() }

// Changed are those to whom something happened, each once in its newest state. Who is plain then has no entry any more.
func (p *People) Changed() []Person {
	users := slices.Clone(p.changed)
	slices.Sort(users)
	out := make([]Person, 0, len(users))
	for _, u := range slices.Compact(users) {
		out = append(out, *p.by[u])
	}
	return out
}

// Sanction mutes or bans users; who is already has the new term. A ban takes a role with it. INVALID_ARGUMENT names
// the field that is wrong.
func (p *People) Sanction(by By, rank Rank, m Measure, users []ident.UserID, t Term) ([]Outcome, error) {
	if err := t.check(by.Now, p.in, m); err != nil {
		return nil, err
	}
	put := view.Sanction{Since: by.Now, Until: t.Until, Reason: t.Reason}
	if t.For > 0 {
		put.Until = by.Now.Add(t.For)
	}
	if t.Session {
		put.Session = p.in.broadcast()
	}
	hand := Hand{by.Actor, t.Note}
	return p.all(by, m.put(), t.Reason, users, func(x *Person) (bool, error) {
		if err := p.mayTouch(rank, x); err != nil {
			return false, err
		}
		at, who := m.of(x)
		next := put
		if *at != nil {
			next.Since = (*at).Since
			if **at == next && who.Note == hand.Note {
				return false, nil
			}
		}
		*at, *who = &next, hand
		if m == Ban {
			x.Role, x.RoleUntil, x.Granted = view.Viewer, time.Time{}, Hand{}
		}
		return true, nil
	})
}

// Lift takes sanctions back; who has none stays so.
func (p *People) Lift(by By, m Measure, users []ident.UserID, reason string) ([]Outcome, error) {
	if err := text("reason", reason, MaxSanctionReason); err != nil {
		return nil, err
	}
	return p.all(by, m.lifted(), reason, users, func(x *Person) (bool, error) { return m.lift(x), nil })
}

// Grant gives users a role, or moves its end; a zero until is for good. Whoever is banned is refused (USER_BANNED).
func (p *People) Grant(by By, role view.Role, users []ident.UserID, until time.Time) ([]Outcome, error) {
	if role != view.VIP && role != view.Moderator {
		return nil, invalid("role", "VIP or MODERATOR can be granted")
	}
	if !until.IsZero() && !until.After(by.Now) {
		return nil, invalid("until", "%s is not in the future", until.Format(time.RFC3339))
	}
	return p.all(by, event.RoleGranted, "", users, func(x *Person) (bool, error) {
		switch {
		case x.User == p.in.owner():
			return false, fault.UserProtected.New("user %s owns the room, and needs no role", x.User)
		case x.Ban != nil:
			return false, fault.UserBanned.New("user %s is banned", x.User)
		case x.Role == role && x.RoleUntil.Equal(until):
			return false, nil
		}
		x.Role, x.RoleUntil, x.Granted = role, until, Hand{Actor: by.Actor}
		return true, nil
	})
}

// Revoke makes users viewers again; who is one stays so.
func (p *People) Revoke(by By, users []ident.UserID) ([]Outcome, error) {
	return p.all(by, event.RoleRevoked, "", users, func(x *Person) (bool, error) { return x.demote(), nil })
}

// Expire ends what is over at by.Now, or was to end with a session that no longer runs: a step for each kind of end.
func (p *People) Expire(by By) error {
	users := slices.Sorted(maps.Keys(p.by))
	if len(users) == 0 {
		return nil // taken back meanwhile
	}
	over := func(s *view.Sanction) bool {
		return s != nil && (passed(s.Until, by.Now) || s.Session != 0 && s.Session != p.in.broadcast())
	}
	for _, m := range []Measure{Mute, Ban} {
		if _, err := p.all(by, m.lifted(), expired, users, func(x *Person) (bool, error) {
			at, _ := m.of(x)
			return over(*at) && m.lift(x), nil
		}); err != nil {
			return err
		}
	}
	_, err := p.all(by, event.RoleRevoked, expired, users, func(x *Person) (bool, error) {
		return passed(x.RoleUntil, by.Now) && x.demote(), nil
	})
	return err
}

// expired is the reason of what ended by itself.
const expired = "EXPIRED"

// all does one thing to each of the users, and closes the step if it changed any. A fault of one user is that user's.
func (p *People) all(by By, t event.Type, reason string, users []ident.UserID, do func(*Person) (changed bool, err error)) ([]Outcome, error) {
	if err := named(users); err != nil {
		return nil, err
	}
	out, moved := make([]Outcome, 0, len(users)), []*Person(nil)
	for _, u := range users {
		x := p.by[u]
		if x == nil {
			x = &Person{Person: view.Person{User: u}}
		}
		changed, err := do(x)
		o := Outcome{User: u, Already: !changed && err == nil}
		if err != nil {
			f := fault.Of(err)
			o.Code, o.Refused = f.Code.Name, f.Message
		}
		out = append(out, o)
		if changed {
			p.by[u] = x
			moved = append(moved, x)
		}
	}
	if len(moved) > 0 {
		p.close(by, t, reason, moved)
	}
	return out, nil
}

func (p *People) close(by By, t event.Type, reason string, moved []*Person) {
	e, d := p.in.step(by, t, reason), &view.Detail{}
	for _, x := range moved {
		x.Version = e.Version
		p.changed = append(p.changed, x.User)
		d.People = append(d.People, x.Person) // a sanction is replaced, never written to: sharing it is safe
	}
	e.Carry(d)
}

// mayTouch refuses to sanction the owner, and a moderator by another moderator.
func (p *People) mayTouch(rank Rank, x *Person) error {
	if x.User == p.in.owner() {
		return fault.UserProtected.New("user %s owns the room", x.User)
	}
	if rank == ByModerator && x.Role == view.Moderator {
		return fault.UserProtected.New("user %s is a moderator: only the owner and staff may do that", x.User)
	}
	return nil
}

func (m Measure) put() event.Type {
	if m == Ban {
		return event.ViewerBanned
	}
	return event.ViewerMuted
}

func (m Measure) lifted() event.Type {
	if m == Ban {
		return event.ViewerUnbanned
	}
	return event.ViewerUnmuted
}

// of is where a person has the measure, and who took it.
func (m Measure) of(x *Person) (**view.Sanction, *Hand) {
	if m == Ban {
		return &x.Ban, &x.Banned
	}
	return &x.Mute, &x.Muted
}

func (m Measure) lift(x *Person) bool {
	at, who := m.of(x)
	had := *at != nil
	*at, *who = nil, Hand{}
	return had
}

func (p *Person) demote() bool {
	had := p.Role != view.Viewer
	p.Role, p.RoleUntil, p.Granted = view.Viewer, time.Time{}, Hand{}
	return had
}

func (t Term) check(now time.Time, in Place, m Measure) error {
	if err := text("reason", t.Reason, MaxSanctionReason); err != nil {
		return err
	}
	if err := text("note", t.Note, MaxNote); err != nil {
		return err
	}
	ways := 0
	for _, given := range []bool{t.For != 0, !t.Until.IsZero(), t.Session} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		return invalid("until", "minutes, until and this_session do not go together")
	case !t.Until.IsZero() && !t.Until.After(now):
		return invalid("until", "%s is not in the future", t.Until.Format(time.RFC3339))
	case t.Session && m == Ban:
		return invalid("this_session", "a ban does not end with a session")
	case t.Session && in.broadcast() == 0:
		return invalid("this_session", "no session runs")
	}
	return nil
}

// named checks the users whom a command names.
func named(users []ident.UserID) error {
	if len(users) == 0 || len(users) > MaxNamed {
		return invalid("user_ids", "1 to %d users", MaxNamed)
	}
	seen := make(map[ident.UserID]bool, len(users))
	for _, u := range users {
		if u <= 0 {
			return invalid("user_ids", "%d names no user", u)
		}
		if seen[u] {
			return invalid("user_ids", "%s stands twice", u)
		}
		seen[u] = true
	}
	return nil
}

func passed(until, now time.Time) bool { return !until.IsZero() && !until.After(now) }
