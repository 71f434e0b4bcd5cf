package room

// Story: what an anchor plans to broadcast, and how viewers are reminded of it.
//
//	door/commandapi ─▶ command.Planning ─▶ this file decides ─▶ store commits {state, outbox} ─▶ as every change
//	command.Reminders ─▶ Remind, when the time has come
//
// The schedule is no part of the card, nor of the room as other commands load it: it is a row of its own beside the room,
// under the room's version. An event that changes it carries all of it.

import (
	"cmp"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Bounds of a schedule. Together they keep an event that carries one below 64 KiB.
const (
	MaxPlans      = 20
	MaxExceptions = 30
	MaxPlanTitle  = 100
	MaxRule       = 200
	MaxLength     = 24 * time.Hour
	MaxRemind     = 24 * time.Hour
	// DefaultRemind is how long ahead viewers are told.
	DefaultRemind = 15 * time.Minute
	// firstWithin bounds how far a plan's first broadcast is from now: what is counted through has an end.
	firstWithin = 10 * 366 * 24 * time.Hour
	// foreseen is how far ahead the next broadcast is looked for: the 29th of February may be eight years away.
	foreseen = 9 * 366 * 24 * time.Hour
	// settled is after how long nobody asks any more which broadcast of the past was moved.
	settled = 7 * 24 * time.Hour
)

// Calendar knows time zones and recurrence rules. They are tables and a grammar that change without us, so they are a
// parameter of the stories, as the time is.
type Calendar interface {
	// Check refuses a start, zone or rule that it cannot read: INVALID_ARGUMENT, naming the field.
	Check(p *view.Plan) error
	// Falls reports whether the plan has a broadcast at that wall, before exceptions.
	Falls(p *view.Plan, wall string) bool
	// Moment is when a clock in the zone shows the wall; INVALID_ARGUMENT for what is no wall.
	Moment(zone, wall string) (time.Time, error)
	// Occurrences are the broadcasts that begin from from until before to, in order, at most limit: moved ones at their
	// new time, without cancelled ones.
	Occurrences(p *view.Plan, from, to time.Time, limit int) []view.Occurrence
}

// Schedule is what is planned in a room, and how far viewers were reminded of it.
type Schedule struct {
	view.Schedule
	// RemindAt is when the next reminder is due; zero for never.
	RemindAt time.Time `json:"remind_at,omitzero"`
}

// Plan adds a plan. Plans that have no broadcast left make room for it. PLAN_LIMIT, or INVALID_ARGUMENT naming the
// field.
func (s *Schedule) Plan(by By, r *Room, c Calendar, p view.Plan) error {
	if err := checkPlan(by, c, &p); err != nil {
		return err
	}
	s.Plans = slices.DeleteFunc(s.Plans, func(old view.Plan) bool {
		return len(c.Occurrences(&old, by.Now.Add(-old.Length), by.Now.Add(foreseen), 1)) == 0
	})
	if len(s.Plans) >= MaxPlans {
		return fault.PlanLimit.New("room %s has %d plans, at most %d", r.ID, len(s.Plans), MaxPlans)
	}
	p.ChangedAt, p.Changes, p.Exceptions = by.Now, 1, nil
	s.Plans = append(s.Plans, p)
	slices.SortFunc(s.Plans, func(a, b view.Plan) int { return cmp.Compare(a.ID, b.ID) })
	s.record(by, r, c, event.BroadcastPlanned, "")
	return nil
}

// Replan edits a plan. Exceptions stay as far as the plan still has their broadcasts.
func (s *Schedule) Replan(by By, r *Room, c Calendar, p view.Plan) error {
	old, err := s.find(r, p.ID)
	if err != nil {
		return err
	}
	if err := checkPlan(by, c, &p); err != nil {
		return err
	}
	p.Exceptions = slices.DeleteFunc(slices.Clone(old.Exceptions), func(x view.Exception) bool { return !c.Falls(&p, x.Original) })
	p.ChangedAt, p.Changes = by.Now, old.Changes+1
	*old = p
	s.record(by, r, c, event.PlanChanged, "")
	return nil
}

// Unplan takes a plan back with all of its broadcasts.
func (s *Schedule) Unplan(by By, r *Room, c Calendar, id ident.PlanID) error {
	if _, err := s.find(r, id); err != nil {
		return err
	}
	s.Plans = slices.DeleteFunc(s.Plans, func(p view.Plan) bool { return p.ID == id })
	s.record(by, r, c, event.PlanCancelled, "")
	return nil
}

// Except moves or cancels one broadcast of a plan; one that is moved to where the rule has it is no exception any more.
// PLAN_NOT_FOUND when the plan has no broadcast there.
func (s *Schedule) Except(by By, r *Room, c Calendar, id ident.PlanID, x view.Exception) error {
	p, err := s.find(r, id)
	if err != nil {
		return err
	}
	if !c.Falls(p, x.Original) {
		return fault.PlanNotFound.New("plan %s has no broadcast at %s in %s", id, x.Original, p.Zone).With("field", "original")
	}
	why := x.Original + " is cancelled"
	if x.Moved != "" {
		if _, err := c.Moment(p.Zone, x.Moved); err != nil {
			return err
		}
		why = x.Original + " is moved to " + x.Moved
	}
	over := by.Now.Add(-settled).Format(view.WallClock)
	rest := slices.DeleteFunc(slices.Clone(p.Exceptions), func(old view.Exception) bool {
		return old.Original == x.Original || max(old.Original, old.Moved) < over
	})
	if x.Moved != x.Original {
		rest = append(rest, x)
	}
	if len(rest) > MaxExceptions {
		return fault.PlanLimit.New("plan %s has %d exceptions, at most %d", id, len(p.Exceptions), MaxExceptions)
	}
	slices.SortFunc(rest, func(a, b view.Exception) int { return cmp.Compare(a.Original, b.Original) })
	if slices.Equal(rest, p.Exceptions) {
		return nil
	}
	p.Exceptions, p.ChangedAt, p.Changes = rest, by.Now, p.Changes+1
	s.record(by, r, c, event.PlanChanged, why)
	return nil
}

// Remind tells of each broadcast that begins soon, once. A reminder that is late, because nothing ran when it was due,
// is told as long as the broadcast has not begun; one that would come after that is left out. It reports whether
// anything is to be saved.
func (s *Schedule) Remind(by By, r *Room, c Calendar) bool {
	if s.RemindAt.IsZero() || s.RemindAt.After(by.Now) {
		return false
	}
	told := len(r.events)
	for i := range s.Plans {
		p := &s.Plans[i]
		// One that begins at this moment has begun.
		for _, o := range c.Occurrences(p, by.Now.Add(time.Millisecond), by.Now.Add(p.Remind+time.Millisecond), MaxExceptions+2) {
			if !s.told(&o) {
				s.Soon = append(s.Soon, o)
				r.record(by, event.BroadcastStartsSoon, o.Start.UTC().Format(time.RFC3339)+" "+p.Title)
			}
		}
	}
	s.carry(by.Now, r, c, told)
	return true
}

// record closes a step: the version of the room moves on, and the event carries the whole schedule.
func (s *Schedule) record(by By, r *Room, c Calendar, t event.Type, why string) {
	r.record(by, t, why)
	s.carry(by.Now, r, c, len(r.events)-1)
}

// carry looks ahead, and puts the whole schedule beside the events from the one on.
func (s *Schedule) carry(now time.Time, r *Room, c Calendar, from int) {
	s.lookAhead(now, c)
	for i := from; i < len(r.events); i++ {
		whole := s.Schedule.Clone()
		r.events[i].Carry(&view.Detail{Schedule: &whole})
	}
}

// lookAhead finds when the next reminder is due, and forgets which were told of broadcasts that have begun since.
func (s *Schedule) lookAhead(now time.Time, c Calendar) {
	var soon []view.Occurrence
	s.RemindAt = time.Time{}
	for i := range s.Plans {
		p := &s.Plans[i]
		// At most all that were told stand before the first that was not.
		for _, o := range c.Occurrences(p, now.Add(time.Millisecond), now.Add(foreseen), len(s.Soon)+1) {
			if s.told(&o) {
				soon = append(soon, o) // as it is now: it may have been moved
			} else if at := o.Start.Add(-p.Remind); s.RemindAt.IsZero() || at.Before(s.RemindAt) {
				s.RemindAt = at
			}
		}
	}
	s.Soon = soon
}

// told reports whether viewers were reminded of the broadcast.
func (s *Schedule) told(o *view.Occurrence) bool {
	return slices.ContainsFunc(s.Soon, func(each view.Occurrence) bool { return each.Plan == o.Plan && each.Original == o.Original })
}

// find points into the schedule.
func (s *Schedule) find(r *Room, id ident.PlanID) (*view.Plan, error) {
	for i := range s.Plans {
		if s.Plans[i].ID == id {
			return &s.Plans[i], nil
		}
	}
	return nil, fault.PlanNotFound.New("room %s has no plan %s", r.ID, id)
}

func checkPlan(by By, c Calendar, p *view.Plan) error {
	if p.Remind == 0 {
		p.Remind = DefaultRemind
	}
	if err := text("title", p.Title, MaxPlanTitle); err != nil {
		return err
	}
	switch {
	case p.Title == "":
		return invalid("title", "must not be empty")
	case p.Length < time.Minute || p.Length > MaxLength || p.Length%time.Minute != 0:
		return invalid("length_minutes", "1 to %d", int(MaxLength/time.Minute))
	case p.Remind < time.Minute || p.Remind > MaxRemind || p.Remind%time.Minute != 0:
		return invalid("remind_minutes", "1 to %d", int(MaxRemind/time.Minute))
	case len(p.Rule) > MaxRule:
		return invalid("rule", "%d characters, at most %d", len(p.Rule), MaxRule)
	}
	return checkTimes(by, c, p)
}

func checkTimes(by By, c Calendar, p *view.Plan) error {
	if err := c.Check(p); err != nil {
		return err
	}
	first, err := c.Moment(p.Zone, p.Start)
	if err != nil {
		return err
	}
	if first.Before(by.Now.Add(-firstWithin)) || first.After(by.Now.Add(firstWithin)) {
		return invalid("start", "more than ten years away")
	}
	if p.Rule == "" && first.Before(by.Now) {
		return invalid("start", "%s in %s is over", p.Start, p.Zone)
	}
	return nil
}

// Occurrences are the broadcasts of all plans that begin from from until before to, in order, at most limit.
func Occurrences(c Calendar, s *view.Schedule, from, to time.Time, limit int) (out []view.Occurrence) {
	for i := range s.Plans {
		out = append(out, c.Occurrences(&s.Plans[i], from, to, limit)...)
	}
	slices.SortFunc(out, func(a, b view.Occurrence) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Plan, b.Plan)) })
	return out[:min(len(out), limit)]
}
