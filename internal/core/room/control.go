package room

// Story: staff intervenes in a room, and takes it back.
//
//	door/commandapi ─▶ command.Control ─▶ this file decides ─▶ store commits {state, outbox} ─▶ as every change
//
// Four levels, each in force or not, by itself: WARNED, CUT, HIDDEN, LOCKED. Viewers see the strongest.
// An intervention ends when it is lifted, or by itself at its Until; either is an event. CUT and LOCKED bar
// publishing. They end the running session too, which is xanchor's to do: its role saves a step of its own.

import (
	"cmp"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Bounds of what staff writes, in runes. Viewers and encoders see the reason; the note never leaves B.
const (
	MaxReason = 200
	MaxNote   = 1000
)

// Intervention is one level in force.
type Intervention struct {
	Level  view.ControlState `json:"level"`
	Reason string            `json:"reason"`
	Note   string            `json:"note,omitempty"`
	Actor  string            `json:"actor"`
	At     time.Time         `json:"at"`
	// Until is when it ends by itself; zero for when it is lifted.
	Until time.Time `json:"until"`
}

// Order is what staff says of an intervention.
type Order struct {
	Reason string
	Note   string
	// Until is when it ends by itself; zero: when it is lifted. Of a cut, until when the next
	// publish is held back; zero: not at all.
	Until time.Time
	// For is Until counted from the command's own clock: what is asked again under one Idempotency-Key stays one request.
	For time.Duration
	// Emergency is why one person alone does at once what needs two; empty: another is to confirm it.
	Emergency string
}

// step is a level with the events of its coming and going.
type step struct {
	level       view.ControlState
	put, lifted event.Type
}

// levels are ordered by strength.
var levels = []step{
	{view.Warned, event.RoomWarned, event.WarningLifted},
	{view.Cut, event.RoomCut, event.CutLifted},
	{view.Hidden, event.RoomHidden, event.RoomUnhidden},
	{view.Locked, event.RoomLocked, event.RoomUnlocked},
}

// rank is the strength of a level; -1 for NORMAL, which is none.
func rank(l view.ControlState) int {
	return slices.IndexFunc(levels, func(s step) bool { return s.level == l })
}

// Intervene puts a level in force, or replaces it by the newer order. A cut that holds nothing back is over as
// soon as it is done: its event tells of it. INVALID_ARGUMENT names the field that is wrong.
func (r *Room) Intervene(by By, level view.ControlState, o Order) error {
	n := rank(level)
	if n < 0 {
		return invalid("level", "%s is no intervention", level)
	}
	if err := o.check(by.Now); err != nil {
		return err
	}
	if o.For > 0 {
		o.Until = by.Now.Add(o.For)
	}
	if level != view.Cut || !o.Until.IsZero() {
		put := Intervention{Level: level, Reason: o.Reason, Note: o.Note, Actor: by.Actor, At: by.Now, Until: o.Until}
		r.Interventions = append(r.without(level), put)
		slices.SortFunc(r.Interventions, func(a, b Intervention) int { return cmp.Compare(rank(a.Level), rank(b.Level)) })
	}
	r.record(by, levels[n].put, o.Reason)
	return nil
}

// Lift takes an intervention back; one that is not in force stays so, without an event.
func (r *Room) Lift(by By, level view.ControlState, reason string) error {
	if err := text("reason", reason, MaxReason); err != nil {
		return err
	}
	n := rank(level)
	if n < 0 {
		return invalid("level", "%s is no intervention", level)
	}
	if rest := r.without(level); len(rest) != len(r.Interventions) {
		r.Interventions = rest
		r.record(by, levels[n].lifted, reason)
	}
	return nil
}

// LiftDue lifts what is over at by.Now; it reports whether anything was.
func (r *Room) LiftDue(by By) (any bool) {
	for _, i := range r.Interventions {
		if i.over(by.Now) {
			any = r.Lift(by, i.Level, "EXPIRED") == nil || any
		}
	}
	return any
}

// LiftsAt is when the next intervention ends by itself; zero for never.
func (r *Room) LiftsAt() (next time.Time) {
	for _, i := range r.Interventions {
		if !i.Until.IsZero() && (next.IsZero() || i.Until.Before(next)) {
			next = i.Until
		}
	}
	return next
}

// EndBy ends the running session because of a level that ends it; it reports whether one ran.
func (r *Room) EndBy(by By, level view.ControlState) bool {
	if r.Session == nil {
		return false
	}
	why := EndedByCut
	if level == view.Locked {
		why = EndedByLock
	}
	r.end(by, why)
	return true
}

// MustBeFree refuses a publish while the room is locked, or held back after a cut.
func (r *Room) MustBeFree(now time.Time) error {
	for _, i := range slices.Backward(r.Interventions) {
		code := fault.RoomLocked
		if i.Level == view.Cut {
			code = fault.RoomCut
		} else if i.Level != view.Locked {
			continue
		}
		if i.over(now) {
			continue // nobody has lifted it yet; it is over all the same
		}
		until := ""
		if !i.Until.IsZero() {
			until = i.Until.Format(time.RFC3339)
		}
		return code.New("room %s may not be published to: %s", r.ID, i.Reason).With("reason", i.Reason).With("until", until)
	}
	return nil
}

// control is the strongest intervention, as viewers see it.
func (r *Room) control() view.Control {
	if len(r.Interventions) == 0 {
		return view.Control{}
	}
	i := r.Interventions[len(r.Interventions)-1]
	return view.Control{State: i.Level, Reason: i.Reason, Until: i.Until}
}

// Controlled reports whether the interventions differ from what was loaded.
func (r *Room) Controlled() bool { return !slices.Equal(r.Interventions, r.interventions) }

// without are the interventions of the other levels, weakest first.
func (r *Room) without(level view.ControlState) []Intervention {
	return slices.DeleteFunc(slices.Clone(r.Interventions), func(i Intervention) bool { return i.Level == level })
}

func (i Intervention) over(now time.Time) bool { return !i.Until.IsZero() && !now.Before(i.Until) }

func (o Order) check(now time.Time) error {
	if o.Reason == "" {
		return invalid("reason", "an intervention needs a reason")
	}
	if err := text("reason", o.Reason, MaxReason); err != nil {
		return err
	}
	if err := text("note", o.Note, MaxNote); err != nil {
		return err
	}
	if err := text("emergency", o.Emergency, MaxReason); err != nil {
		return err
	}
	if o.For != 0 && !o.Until.IsZero() {
		return invalid("until", "does not go with minutes")
	}
	if !o.Until.IsZero() && !o.Until.After(now) {
		return invalid("until", "%s is not in the future", o.Until.Format(time.RFC3339))
	}
	return nil
}
