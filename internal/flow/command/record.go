package command

// Story: what a command changes is recorded with it.
//
// write is the only way from a command to the store. Between the unit and the transaction stands a recorder, which
// compares what is saved with what was loaded; the entry goes into the same transaction as its last statement. So
// there is no change without its entry, and no entry without its change. A command that changed nothing, or was
// refused, leaves none.

import (
	"context"
	"slices"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// byClock is the door of what time alone does.
const byClock = "clock"

// write runs the unit of the command name in one transaction, with its entry in the audit log.
func (a *Anchor) write(ctx context.Context, m Meta, name string, unit func(Tx) error) error {
	a.name(&m)
	at := a.now()
	return a.store.Write(ctx, func(tx Tx) error {
		rec := recorder{Tx: tx}
		if err := unit(&rec); err != nil || len(rec.changes) == 0 {
			return err
		}
		return tx.Record(&audit.Entry{
			At: at, Deed: m.Deed(), Command: name, Room: rec.room, Reason: rec.reason, Changes: rec.changes,
		})
	})
}

// Deed is the command's caller as the audit log names it.
func (m *Meta) Deed() audit.Deed {
	return audit.Deed{Actor: m.Caller.Subject, Scope: m.Caller.scopes(), Door: m.Door, From: m.From, Cause: m.CommandID}
}

// scopes are the caller's, as one word of text.
func (c *Caller) scopes() string {
	if len(c.Scopes) == 1 {
		return string(c.Scopes[0]) // almost everybody, and without an allocation
	}
	words := make([]string, len(c.Scopes))
	for i, s := range c.Scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

// recorder is a transaction that keeps what it saves apart from what was there. It has a method of its own for every
// Save of Tx but SaveAnswer, which keeps an answer and changes nothing: TestEverySaveIsRecorded.
type recorder struct {
	Tx
	room    ident.RoomID
	reason  string
	changes []audit.Change
	// These are as they were read: what saves them does not know.
	keys   []room.Key
	areas  []room.AreaNode
	people []room.Person
	rules  room.Rules
	plans  string
}

// Key is Reader.
func (rec *recorder) Key(id ident.KeyID) (room.Key, error) {
	k, err := rec.Tx.Key(id)
	if err == nil {
		rec.keys = append(rec.keys, k)
	}
	return k, err
}

// AreaTree is Reader. Who changes the tree changes no node in place.
func (rec *recorder) AreaTree() (*room.AreaTree, error) {
	t, err := rec.Tx.AreaTree()
	if err == nil {
		rec.areas = t.Nodes
	}
	return t, err
}

// Persons is Reader.
func (rec *recorder) Persons(place ident.RoomID, users []ident.UserID) ([]room.Person, error) {
	list, err := rec.Tx.Persons(place, users)
	rec.people = slices.Clone(list)
	return list, err
}

// Rules is Reader.
func (rec *recorder) Rules(place ident.RoomID) (*room.Rules, error) {
	d, err := rec.Tx.Rules(place)
	if err == nil {
		rec.rules = *d
	}
	return d, err
}

// Schedule is Reader.
func (rec *recorder) Schedule(id ident.RoomID) (*room.Schedule, error) {
	s, err := rec.Tx.Schedule(id)
	if err == nil {
		rec.plans = s.Document()
	}
	return s, err
}

// SaveRoom is Tx. The reason is that of the command's first event: what it was given, or what it found.
func (rec *recorder) SaveRoom(role ownership.Role, r *room.Room) error {
	rec.room = r.ID
	for _, e := range r.Events() {
		if rec.reason == "" {
			rec.reason = e.Reason
		}
	}
	rec.add(r.Changes())
	return rec.Tx.SaveRoom(role, r)
}

// SaveProposal is Tx. A proposal changes by its verdict alone, and that of a new one is none.
func (rec *recorder) SaveProposal(role ownership.Role, p *room.Proposal) error {
	rec.room = p.Room
	rec.reason = p.Order.Reason
	rec.add(p.Changes())
	return rec.Tx.SaveProposal(role, p)
}

// SaveWidgetType is Tx.
func (rec *recorder) SaveWidgetType(role ownership.Role, t *room.WidgetType) error {
	rec.add(t.Changes())
	return rec.Tx.SaveWidgetType(role, t)
}

// SaveKey is Tx.
func (rec *recorder) SaveKey(role ownership.Role, k room.Key) error {
	rec.room = k.Room
	var before room.Key
	if i := slices.IndexFunc(rec.keys, func(was room.Key) bool { return was.ID == k.ID }); i >= 0 {
		before = rec.keys[i]
	}
	rec.add(k.Changes(before))
	return rec.Tx.SaveKey(role, k)
}

// SaveAreaTree is Tx.
func (rec *recorder) SaveAreaTree(role ownership.Role, t *room.AreaTree) error {
	rec.add(t.Changes(rec.areas))
	return rec.Tx.SaveAreaTree(role, t)
}

// SaveSchedule is Tx.
func (rec *recorder) SaveSchedule(role ownership.Role, r *room.Room, s *room.Schedule) error {
	rec.add(s.Changes(rec.plans))
	return rec.Tx.SaveSchedule(role, r, s)
}

// SavePeople is Tx.
func (rec *recorder) SavePeople(role ownership.Role, p *room.People) error {
	rec.room = p.Place()
	rec.add(p.Changes(rec.people))
	return rec.Tx.SavePeople(role, p)
}

// SaveRules is Tx.
func (rec *recorder) SaveRules(role ownership.Role, place ident.RoomID, d *room.Rules) error {
	rec.room = place
	rec.add(d.Changes(rec.rules))
	return rec.Tx.SaveRules(role, place, d)
}

// add takes changes in. A column that an earlier step of the command changed already has one before and one after.
func (rec *recorder) add(changes []audit.Change) {
	if rec.changes == nil {
		rec.changes = changes
		return
	}
	for _, c := range changes {
		i := slices.IndexFunc(rec.changes, func(was audit.Change) bool { return was.Column == c.Column && was.Row == c.Row })
		if i < 0 {
			rec.changes = append(rec.changes, c)
			continue
		}
		rec.changes[i].After = c.After
	}
}
