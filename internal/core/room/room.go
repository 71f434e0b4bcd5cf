// Package room decides what is true of a room and what may happen to it.
//
// One file per story: create.go, edit.go, live.go, control.go, extension.go, widget.go, people.go, rules.go, key.go,
// area.go. Every story is a
// method that takes the time and all ids as parameters, either changes the aggregate
// and records events, or returns a fault and changes nothing. The package is pure: no
// clock, no I/O, no goroutines; a store saves what a story left in the aggregate.
package room

import (
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// PublisherPolicy says what happens to a second publisher with a valid key.
type PublisherPolicy uint8

// The closed set of policies; the numbers are those of the proto enum.
const (
	Reject PublisherPolicy = iota
	TakeOver
)

var policyNames = [...]string{"REJECT", "TAKE_OVER"}

func (p PublisherPolicy) String() string { return policyNames[p] }

// Room is the aggregate: the room, its current session, and what the running command did to them.
type Room struct {
	ID        ident.RoomID
	Anchor    ident.AnchorID
	Title     string
	Area      ident.AreaID
	CoverURL  string
	Tags      []string
	Language  string
	Policy    PublisherPolicy
	Epoch     ident.Epoch
	Version   ident.Version
	CreatedAt time.Time
	UpdatedAt time.Time
	// Session is the running one; nil while the room is idle.
	Session *Session
	// Interventions are what staff laid over the room, at most one of each level, weakest first.
	Interventions []Intervention
	// Extension is what hangs in the room beside the stream.
	Extension Extension

	before        view.RoomCard   // as of the last step
	loaded        *view.RoomCard  // as loaded, kept by the first step; nil before it
	session       *Session        // as loaded, kept by the first change of it; nil before that
	policy        PublisherPolicy // as loaded
	interventions []Intervention  // as loaded
	extension     Extension       // as loaded
	events        []event.RoomEvent
	touched       []Session
}

// By says who causes a change and when; every story takes one.
type By struct {
	Now         time.Time
	Actor       string
	Cause       string
	Traceparent string
}

// Card is the room as viewers see it.
func (r *Room) Card() view.RoomCard {
	card := view.RoomCard{
		ID: r.ID, AnchorID: r.Anchor, Title: r.Title, AreaID: r.Area, CoverURL: r.CoverURL,
		Tags: slices.Clone(r.Tags), Language: r.Language, Version: r.Version, UpdatedAt: r.UpdatedAt,
		Live: view.LiveState{Epoch: r.Epoch}, Control: r.control(), Extension: r.Extension.card(),
	}
	if s := r.Session; s != nil {
		card.Live.Status = s.Status
		card.Live.SessionID = s.ID
		card.Live.StartedAt = s.StartedAt
	}
	return card
}

// Loaded is called by a store after filling the aggregate: what it holds now is the committed state.
func (r *Room) Loaded() {
	r.before, r.policy, r.interventions = r.Card(), r.Policy, slices.Clone(r.Interventions)
	r.loaded, r.session, r.extension = nil, nil, r.Extension.clone()
}

// Stored is a copy as a store keeps it or gives it out: the state that is, without what the running
// command left in it, and sharing nothing.
func (r *Room) Stored() *Room {
	c := Room{ID: r.ID, Anchor: r.Anchor, Title: r.Title, Area: r.Area, CoverURL: r.CoverURL, Tags: slices.Clone(r.Tags),
		Language: r.Language, Policy: r.Policy, Epoch: r.Epoch, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		Interventions: slices.Clone(r.Interventions), Extension: r.Extension.clone()}
	if r.Session != nil {
		s := *r.Session
		s.dirty = false
		c.Session = &s
	}
	c.Loaded()
	return &c
}

// record closes one step of a story: the version moves on and an event says so.
func (r *Room) record(by By, t event.Type, reason string) *event.RoomEvent {
	prev := r.before
	if r.loaded == nil {
		r.loaded = &prev
	}
	r.Version++
	r.UpdatedAt = by.Now
	card := r.Card()
	e := event.RoomEvent{
		RoomID: r.ID, Version: r.Version, PrevVersion: prev.Version, Type: t,
		Changed: view.Diff(&prev, &card), Snapshot: card,
		Actor: by.Actor, Cause: by.Cause, Reason: reason, Traceparent: by.Traceparent, OccurredAt: by.Now,
	}
	e.Checksum = e.Sum()
	r.events = append(r.events, e)
	r.before = card
	return &r.events[len(r.events)-1]
}

// Events are what the stories recorded since the aggregate was loaded, oldest first.
func (r *Room) Events() []event.RoomEvent { return r.events }

// Sessions are the sessions the stories touched since the aggregate was loaded, each in its newest state.
func (r *Room) Sessions() []Session {
	out := slices.Clone(r.touched)
	if r.Session != nil && r.Session.dirty {
		out = append(out, *r.Session)
	}
	return out
}

// BaseVersion is the version the aggregate was loaded at; a store saves only over exactly that.
func (r *Room) BaseVersion() ident.Version {
	return r.Version - ident.Version(len(r.events))
}

// Columns names the stored columns of the room in which it differs from what was loaded; the
// stores' write guard asks the ownership table about each. version and updated_at move with every
// change, whoever's it is, and are not asked about; what staff laid over the room and what hangs in it
// are rows of their own (Controlled, Extended).
func (r *Room) Columns() []string {
	var out []string
	for _, e := range r.events {
		for _, field := range e.Changed {
			name, mapped := columnOf[field]
			if !mapped {
				name = field
			}
			if name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	if r.Policy != r.policy {
		out = append(out, "publisher_policy")
	}
	return out
}

// columnOf maps the card's field names to columns where they differ; to none where the field is a row of its own. A
// session's start is the session's own.
var columnOf = map[string]string{
	"control": "", "extension.announcement": "", "extension.pinned": "", "extension.badges": "", "extension.widgets": "",
	"live.status": "live_status", "live.session_id": "session_id", "live.epoch": "epoch", "live.started_at": "session_id",
}
