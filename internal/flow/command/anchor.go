// Package command is the B side's write path: it puts the decisions of core/room in order.
//
// Every method of Anchor is one command: check the caller, load the aggregate in a
// transaction, let core decide, save state and outbox together, return what was decided
// once it is durable. Nothing here waits for a view, a broker or a viewer, and nothing here
// reads one. Faults: what core returns, plus the Store's. All methods are safe for
// concurrent use; two commands on one room are ordered by the Store.
package command

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// role is who writes: every row that this package saves is xanchor's.
const role = ownership.XAnchor

// Config is what an Anchor is made of.
type Config struct {
	Store Store
	IDs   *ident.Minter
	// Clock is asked once per command. Core keeps milliseconds.
	Clock func() time.Time
	// Random fills key secrets; crypto/rand in production, a seeded source in simulations.
	Random func([]byte)
	Terms  room.Terms
	// Audience is asked by dry runs of room control; nil: nobody can say.
	Audience Audience
	// TwoPersonAbove is how many viewers a room may have for one person alone to intervene; 0: any number.
	TwoPersonAbove int64
	// Schemas judges the values of widgets; needed by who puts any.
	Schemas Schemas
}

// DefaultTerms are those of the contract.
var DefaultTerms = room.Terms{Lease: 10 * time.Second, Grace: 30 * time.Second}

// Anchor runs the broadcasters' commands.
type Anchor struct {
	store  Store
	ids    *ident.Minter
	clock  func() time.Time
	random func([]byte)
	terms  room.Terms

	audience  Audience // nil: nobody can say
	twoPerson int64
	schemas   Schemas
}

// NewAnchor wires the commands; Clock, Random and Terms have defaults.
func NewAnchor(c Config) *Anchor {
	a := &Anchor{store: c.Store, ids: c.IDs, clock: c.Clock, random: c.Random, terms: c.Terms, audience: c.Audience, twoPerson: c.TwoPersonAbove, schemas: c.Schemas}
	if a.clock == nil {
		a.clock = time.Now
	}
	if a.random == nil {
		a.random = func(b []byte) { _, _ = rand.Read(b) } // never fails: crypto/rand aborts the process instead
	}
	if a.terms == (room.Terms{}) {
		a.terms = DefaultTerms
	}
	return a
}

// Meta is what every command carries besides its own fields.
type Meta struct {
	Caller Caller
	// IdempotencyKey is empty for a command that is not to be remembered; at most 255 bytes.
	IdempotencyKey string
	// IfMatch is the version the writer saw; 0 for no condition.
	IfMatch ident.Version
	// CommandID names the command in events, logs and the audit log; empty: one is made.
	CommandID string
	// Door is where the command came in, From the client's address there.
	Door, From string
	// Traceparent is the W3C trace context the command runs under.
	Traceparent string
}

func (a *Anchor) now() time.Time { return a.clock().UTC().Truncate(time.Millisecond) }

func (a *Anchor) name(m *Meta) {
	if m.CommandID == "" {
		var b [8]byte
		a.random(b[:])
		m.CommandID = hex.EncodeToString(b[:])
	}
}

// by says who causes a change; the command gets an id when the caller gave it none.
func (a *Anchor) by(m *Meta) room.By {
	a.name(m)
	return room.By{Now: a.now(), Actor: m.Caller.Subject, Cause: m.CommandID, Traceparent: m.Traceparent}
}

// change is the frame of every command on an existing room: load, check the caller and the
// condition, decide, save. The result is the room as it was committed.
func (a *Anchor) change(ctx context.Context, m Meta, name string, id ident.RoomID, decide func(tx Tx, r *room.Room, by room.By) error) (*room.Room, error) {
	by := a.by(&m)
	var done *room.Room
	err := a.write(ctx, m, name, func(tx Tx) error {
		r, err := a.open(tx, m, id)
		if err != nil {
			return err
		}
		if err := decide(tx, r, by); err != nil {
			return err
		}
		done = r
		return tx.SaveRoom(role, r)
	})
	return outcome(&done, err)
}

// open loads a room for a command of this caller.
func (a *Anchor) open(rd Reader, m Meta, id ident.RoomID) (*room.Room, error) {
	r, err := rd.Room(id)
	if err != nil {
		return nil, err
	}
	if err := m.Caller.mayAct(r); err != nil {
		return nil, err
	}
	if m.IfMatch != 0 {
		if err := r.MustBeAt(m.IfMatch); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Caller is who sends a command, as the door authenticated it.
type Caller struct {
	// Subject is shown as the actor of events: "anchor:42", "ops".
	Subject string
	// Anchor is the caller's own uid; 0 when it has none.
	Anchor ident.AnchorID
	Scopes []Scope
}

// Scope is a right. The closed set is below; anchor:<uid> arrives as ScopeAnchor with Caller.Anchor.
type Scope string

// The scopes of the contract.
const (
	ScopeAnchor    Scope = "anchor"
	ScopeModerator Scope = "moderator"
	ScopeStaff     Scope = "staff"
	ScopeService   Scope = "service"
	ScopeOps       Scope = "ops"
)

// Has reports whether the caller holds any of the scopes.
func (c Caller) Has(any ...Scope) bool {
	return slices.ContainsFunc(any, func(s Scope) bool { return slices.Contains(c.Scopes, s) })
}

// privileged callers act on everybody's rooms.
func (c Caller) privileged() bool { return c.Has(ScopeStaff, ScopeOps) }

// mayAct lets the owner and the privileged act on a room. To everybody else the room is
// forbidden rather than hidden: its existence is public on the C side anyway.
func (c Caller) mayAct(r *room.Room) error {
	if c.privileged() || (c.Has(ScopeAnchor) && c.Anchor == r.Anchor) {
		return nil
	}
	return fault.PermissionDenied.New("%s may not act on room %s", c.Subject, r.ID)
}

func (c Caller) mustBePrivileged(what string) error {
	if c.privileged() {
		return nil
	}
	return fault.PermissionDenied.New("%s needs the scope staff or ops", what)
}
