package command

// Story: what an anchor plans to broadcast. The order of things; core/room/schedule.go decides.

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Bounds of what is asked of schedules at once.
const (
	MaxOccurrences = 200
	MaxWindow      = 366 * 24 * time.Hour
	// exported is what a calendar holds: what is to come, and the last weeks, as who looks back expects.
	exportedPast  = 30 * 24 * time.Hour
	exportedAhead = 180 * 24 * time.Hour
	// exportedRooms bounds the rooms of one anchor whose plans are exported.
	exportedRooms = 50
)

// Planning runs the commands of schedules.
type Planning struct {
	anchor   *Anchor
	calendar room.Calendar
}

// NewPlanning makes them; they share the store, the clock and the ids of the broadcasters' commands.
func NewPlanning(a *Anchor, c room.Calendar) *Planning { return &Planning{a, c} }

// Planned is a room with its schedule, as committed.
type Planned struct {
	Room     *room.Room
	Schedule view.Schedule
	// Plan is the one that the command was about.
	Plan ident.PlanID
}

// Plan adds a plan; its id is made here. For the room's anchor, staff and ops.
func (p *Planning) Plan(ctx context.Context, m Meta, id ident.RoomID, draft view.Plan) (Planned, error) {
	if err := p.calendar.Check(&draft); err != nil { // counting may take long: not while others wait to write
		return Planned{}, err
	}
	return p.change(ctx, m, "Plan", id, draft, func(by room.By, r *room.Room, s *room.Schedule) (ident.PlanID, error) {
		draft.ID = ident.PlanID(p.anchor.ids.Mint(by.Now))
		return draft.ID, s.Plan(by, r, p.calendar, draft)
	})
}

// Replan edits a plan, as a whole; exceptions stay as far as its broadcasts do. For the room's anchor, staff and ops.
func (p *Planning) Replan(ctx context.Context, m Meta, id ident.RoomID, edited view.Plan) (Planned, error) {
	if err := p.calendar.Check(&edited); err != nil {
		return Planned{}, err
	}
	return p.change(ctx, m, "Replan", id, edited, func(by room.By, r *room.Room, s *room.Schedule) (ident.PlanID, error) {
		return edited.ID, s.Replan(by, r, p.calendar, edited)
	})
}

// Unplan takes a plan back with all of its broadcasts. For the room's anchor, staff and ops.
func (p *Planning) Unplan(ctx context.Context, m Meta, id ident.RoomID, plan ident.PlanID) (Planned, error) {
	return p.change(ctx, m, "Unplan", id, plan, func(by room.By, r *room.Room, s *room.Schedule) (ident.PlanID, error) {
		return plan, s.Unplan(by, r, p.calendar, plan)
	})
}

// Except moves or cancels one broadcast of a plan. For the room's anchor, staff and ops.
func (p *Planning) Except(ctx context.Context, m Meta, id ident.RoomID, plan ident.PlanID, x view.Exception) (Planned, error) {
	return p.change(ctx, m, "Except", id, []any{plan, x}, func(by room.By, r *room.Room, s *room.Schedule) (ident.PlanID, error) {
		return plan, s.Except(by, r, p.calendar, plan, x)
	})
}

// Get reads a room with its schedule. For the room's anchor, staff and ops.
func (p *Planning) Get(ctx context.Context, m Meta, id ident.RoomID) (Planned, error) {
	return read(ctx, p.anchor, func(rd Reader) (Planned, error) {
		r, err := p.anchor.open(rd, m, id)
		if err != nil {
			return Planned{}, err
		}
		s, err := rd.Schedule(id)
		if err != nil {
			return Planned{}, err
		}
		return Planned{Room: r, Schedule: s.Schedule}, nil
	})
}

// Occurrences are the room's planned broadcasts that begin from from until before to, in order, at most limit; a zero
// from is now, a zero to thirty days later. For the room's anchor, staff and ops.
func (p *Planning) Occurrences(ctx context.Context, m Meta, id ident.RoomID, from, to time.Time, limit int) ([]view.Occurrence, error) {
	if from.IsZero() {
		from = p.anchor.now()
	}
	if to.IsZero() {
		to = from.Add(30 * 24 * time.Hour)
	}
	if to.Before(from) || to.Sub(from) > MaxWindow {
		return nil, fault.InvalidArgument.New("to: 0 to %d days after from", int(MaxWindow/(24*time.Hour))).With("field", "to")
	}
	planned, err := p.Get(ctx, m, id)
	if err != nil {
		return nil, err
	}
	return room.Occurrences(p.calendar, &planned.Schedule, from, to, limit), nil
}

// Exported is one planned broadcast of an anchor with the plan that it is of.
type Exported struct {
	view.Occurrence
	ChangedAt time.Time
	Changes   int
}

// Export lists an anchor's planned broadcasts of the last weeks and the coming months, room by room. For everybody:
// plans are made to be known. An anchor who plans nothing has none.
func (p *Planning) Export(ctx context.Context, anchor ident.AnchorID) (out []Exported, err error) {
	list, err := read(ctx, p.anchor, func(rd Reader) ([]PlannedIn, error) { return rd.Schedules(anchor, 0, exportedRooms) })
	// Whole days: the same answer for a day, unless something changes.
	today := p.anchor.now().Truncate(24 * time.Hour)
	for _, in := range list {
		for i := range in.Schedule.Plans {
			plan := &in.Schedule.Plans[i]
			for _, o := range p.calendar.Occurrences(plan, today.Add(-exportedPast), today.Add(exportedAhead), MaxOccurrences) {
				out = append(out, Exported{o, plan.ChangedAt, plan.Changes})
			}
		}
	}
	return out, err
}

// change is the frame of these commands: load, check the caller and the condition, decide, save.
func (p *Planning) change(ctx context.Context, m Meta, name string, id ident.RoomID, request any,
	decide func(room.By, *room.Room, *room.Schedule) (ident.PlanID, error),
) (Planned, error) {
	by := p.anchor.by(&m)
	return remembered(ctx, p.anchor, m, name, []any{id, m.IfMatch, request}, func(tx Tx) (Planned, error) {
		r, err := p.anchor.open(tx, m, id)
		if err != nil {
			return Planned{}, err
		}
		s, err := tx.Schedule(id)
		if err != nil {
			return Planned{}, err
		}
		about, err := decide(by, r, s)
		if err != nil {
			return Planned{}, err
		}
		return Planned{r, s.Schedule, about}, saveSchedule(tx, r, s)
	})
}

// saveSchedule saves both: the room carries the event, and the version by which a race is seen.
func saveSchedule(tx Tx, r *room.Room, s *room.Schedule) error {
	if err := tx.SaveRoom(role, r); err != nil {
		return err
	}
	return tx.SaveSchedule(role, r, s)
}
