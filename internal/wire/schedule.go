package wire

import (
	"time"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Schedule makes the message of what is planned in a room; nil for none.
func Schedule(s *view.Schedule) *roomv1.Schedule {
	if s == nil {
		return nil
	}
	m := &roomv1.Schedule{}
	for i := range s.Plans {
		m.Plans = append(m.Plans, plan(&s.Plans[i]))
	}
	for i := range s.Soon {
		m.Soon = append(m.Soon, Occurrence(0, &s.Soon[i])) // the room is said where the schedule is
	}
	return m
}

// GoSchedule is the reverse of Schedule.
func GoSchedule(m *roomv1.Schedule) *view.Schedule {
	if m == nil {
		return nil
	}
	s := &view.Schedule{}
	for _, each := range m.GetPlans() {
		s.Plans = append(s.Plans, goPlan(each))
	}
	for _, o := range m.GetSoon() {
		s.Soon = append(s.Soon, view.Occurrence{
			Plan: ident.PlanID(o.GetPlanId()), Title: o.GetTitle(), Original: o.GetOriginal(), Start: GoTime(o.GetStartsAt()), End: GoTime(o.GetEndsAt()),
		})
	}
	return s
}

func plan(p *view.Plan) *roomv1.Plan {
	m := &roomv1.Plan{
		Id: int64(p.ID), Title: p.Title, Start: p.Start, Zone: p.Zone, LengthMinutes: int32(p.Length / time.Minute), Rule: p.Rule,
		RemindMinutes: int32(p.Remind / time.Minute), ChangedAt: Time(p.ChangedAt), Changes: int32(p.Changes),
	}
	for _, x := range p.Exceptions {
		m.Exceptions = append(m.Exceptions, &roomv1.PlanException{Original: x.Original, Moved: x.Moved})
	}
	return m
}

func goPlan(m *roomv1.Plan) view.Plan {
	p := view.Plan{
		ID: ident.PlanID(m.GetId()), Title: m.GetTitle(), Start: m.GetStart(), Zone: m.GetZone(), Length: time.Duration(m.GetLengthMinutes()) * time.Minute,
		Rule: m.GetRule(), Remind: time.Duration(m.GetRemindMinutes()) * time.Minute, ChangedAt: GoTime(m.GetChangedAt()), Changes: int(m.GetChanges()),
	}
	for _, x := range m.GetExceptions() {
		p.Exceptions = append(p.Exceptions, view.Exception{Original: x.GetOriginal(), Moved: x.GetMoved()})
	}
	return p
}

// Occurrence makes the message of one planned broadcast.
func Occurrence(id ident.RoomID, o *view.Occurrence) *roomv1.Occurrence {
	return &roomv1.Occurrence{
		RoomId: int64(id), PlanId: int64(o.Plan), Title: o.Title, Original: o.Original, StartsAt: Time(o.Start), EndsAt: Time(o.End),
	}
}
