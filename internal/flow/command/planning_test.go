package command_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/calendar"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// planner is a world with its planning. The world's first moment is Sunday, 22 November 2026, 12:00 UTC: 13:00 in Berlin.
type planner struct {
	*world
	*command.Planning
	reminders *command.Reminders
	id        ident.RoomID
}

func newPlanner(t *testing.T) *planner {
	w := newWorld(t)
	p := command.NewPlanning(w.anchor, &calendar.Calendar{})
	return &planner{w, p, command.NewReminders(p, slog.New(slog.DiscardHandler)), w.create(room.Reject)}
}

var weekly = view.Plan{Title: "Night radio", Start: "2026-11-22T20:00:00", Zone: "Europe/Berlin", Length: time.Hour, Rule: "FREQ=WEEKLY"}

// to moves the clock to a moment in UTC and lets the reminders look.
func (p *planner) to(moment string) {
	p.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", moment)
	if err != nil {
		p.Fatal(err)
	}
	p.pass(at.Sub(p.clock()))
	if err := p.reminders.Sweep(p.ctx()); err != nil {
		p.Fatal(err)
	}
}

// told are the reminders so far.
func (p *planner) told() (out []string) {
	for _, e := range p.events(p.id) {
		if e.Type == event.BroadcastStartsSoon {
			out = append(out, e.Reason)
		}
	}
	return out
}

func (p *planner) wantTold(want ...string) {
	p.Helper()
	if got := p.told(); !slices.Equal(got, want) {
		p.Fatalf("at %s told %q, want %q", p.clock(), got, want)
	}
}

func TestEachBroadcastIsToldOfOnce(t *testing.T) {
	p := newPlanner(t)
	_, err := p.Plan(p.ctx(), owner, p.id, weekly)
	must(p.world, 0, err)
	p.to("2026-11-22 18:44:59")
	p.wantTold()
	for range 3 {
		p.to("2026-11-22 18:45:00")
	}
	p.wantTold("2026-11-22T19:00:00Z Night radio")

	// Everything is made anew on the same store: what was told stands there.
	again := command.NewPlanning(p.anchor, &calendar.Calendar{})
	p.reminders = command.NewReminders(again, slog.New(slog.DiscardHandler))
	p.to("2026-11-22 18:50:00")
	p.wantTold("2026-11-22T19:00:00Z Night radio")
	p.to("2026-11-29 18:45:00")
	p.wantTold("2026-11-22T19:00:00Z Night radio", "2026-11-29T19:00:00Z Night radio")
}

func TestALateReminderIsToldUntilItsBroadcastBegins(t *testing.T) {
	p := newPlanner(t)
	_, err := p.Plan(p.ctx(), owner, p.id, weekly)
	must(p.world, 0, err)
	p.to("2026-12-06 18:59:59") // nothing ran for two weeks: one is too late, one just comes in time
	p.wantTold("2026-12-06T19:00:00Z Night radio")
	p.to("2026-12-13 19:00:00") // it begins now
	p.to("2026-12-13 19:00:01")
	p.wantTold("2026-12-06T19:00:00Z Night radio")
	p.to("2026-12-20 18:50:00")
	p.wantTold("2026-12-06T19:00:00Z Night radio", "2026-12-20T19:00:00Z Night radio")
}

func TestABroadcastThatIsMovedAfterItWasToldOfIsNotToldAgain(t *testing.T) {
	p := newPlanner(t)
	planned, err := p.Plan(p.ctx(), owner, p.id, weekly)
	must(p.world, planned, err)
	p.to("2026-11-22 18:45:00")
	except := func(x view.Exception) {
		_, err := p.Except(p.ctx(), owner, p.id, planned.Plan, x)
		must(p.world, 0, err)
	}
	except(view.Exception{Original: "2026-11-22T20:00:00", Moved: "2026-11-22T22:00:00"})
	all := p.events(p.id)
	moved := all[len(all)-1].Detail.Schedule.Soon // what viewers see follows the broadcast
	if len(moved) != 1 || !moved[0].Start.Equal(time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)) {
		t.Errorf("carried: %+v", moved)
	}
	p.to("2026-11-22 20:50:00")
	p.wantTold("2026-11-22T19:00:00Z Night radio")

	except(view.Exception{Original: "2026-11-29T20:00:00"})
	except(view.Exception{Original: "2026-12-06T20:00:00", Moved: "2026-12-05T20:30:00"})
	p.to("2026-11-29 18:50:00") // cancelled
	p.to("2026-12-05 19:15:00") // moved
	p.to("2026-12-06 18:50:00")
	p.wantTold("2026-11-22T19:00:00Z Night radio", "2026-12-05T19:30:00Z Night radio")
}

// Two that look at the same time tell once: the second finds it told.
func TestPlanningShortBeforeIsToldAtOnceWithEachPlan(t *testing.T) {
	p := newPlanner(t)
	for _, title := range []string{"one", "two"} {
		_, err := p.Plan(p.ctx(), owner, p.id, view.Plan{Title: title, Start: "2026-11-22T13:10:00", Zone: "Europe/Berlin", Length: time.Hour})
		must(p.world, 0, err)
	}
	p.to("2026-11-22 12:00:01")
	p.wantTold("2026-11-22T12:10:00Z one", "2026-11-22T12:10:00Z two")
	due, err := p.store.Rooms.Prune(p.ctx(), time.Time{}, p.clock()) // nothing of this hangs on the log
	must(p.world, due, err)
	p.to("2026-11-22 12:09:00")
	p.wantTold("2026-11-22T12:10:00Z one", "2026-11-22T12:10:00Z two")
}

func TestAPlansEventsCarryTheWholeSchedule(t *testing.T) {
	p := newPlanner(t)
	planned, err := p.Plan(p.ctx(), owner, p.id, weekly)
	must(p.world, planned, err)
	_, err = p.Except(p.ctx(), owner, p.id, planned.Plan, view.Exception{Original: "2026-11-29T20:00:00"})
	must(p.world, 0, err)
	edited := weekly
	edited.ID, edited.Title = planned.Plan, "Day radio"
	_, err = p.Replan(p.ctx(), owner, p.id, edited)
	must(p.world, 0, err)
	p.to("2026-11-22 18:50:00")
	_, err = p.Unplan(p.ctx(), owner, p.id, planned.Plan)
	must(p.world, 0, err)

	var got []string
	for _, e := range p.events(p.id)[1:] {
		line := string(e.Type)
		if e.Detail != nil {
			for _, each := range e.Detail.Schedule.Plans {
				line += fmt.Sprintf(" %s/%d/%d", each.Title, each.Changes, len(each.Exceptions))
			}
			line += " carried"
		}
		if err := e.Intact(); err != nil {
			t.Error(err)
		}
		got = append(got, line+" "+e.Reason)
	}
	want := []string{
		"BroadcastPlanned Night radio/1/0 carried ", "PlanChanged Night radio/2/1 carried 2026-11-29T20:00:00 is cancelled", "PlanChanged Day radio/3/1 carried ",
		"BroadcastStartsSoon Day radio/3/1 carried 2026-11-22T19:00:00Z Day radio", "PlanCancelled carried ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestWhatIsPlannedIsBounded(t *testing.T) {
	p := newPlanner(t)
	soon := view.Plan{Title: "once", Start: "2026-11-22T13:10:00", Zone: "Europe/Berlin", Length: time.Hour}
	for range room.MaxPlans {
		_, err := p.Plan(p.ctx(), owner, p.id, soon)
		must(p.world, 0, err)
	}
	_, err := p.Plan(p.ctx(), owner, p.id, weekly)
	p.want(err, fault.PlanLimit)
	p.pass(2 * time.Hour) // all of them are over, and make room
	planned, err := p.Plan(p.ctx(), owner, p.id, weekly)
	if must(p.world, planned, err); len(planned.Schedule.Plans) != 1 {
		t.Errorf("left: %d plans", len(planned.Schedule.Plans))
	}
	daily := weekly
	daily.ID, daily.Rule = planned.Plan, "FREQ=DAILY"
	_, err = p.Replan(p.ctx(), owner, p.id, daily)
	must(p.world, 0, err)
	for day := range room.MaxExceptions + 1 {
		original := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC).AddDate(0, 0, day).Format(view.WallClock)
		if _, err = p.Except(p.ctx(), owner, p.id, planned.Plan, view.Exception{Original: original}); err != nil && day < room.MaxExceptions {
			t.Fatal(err)
		}
	}
	p.want(err, fault.PlanLimit)
}

func TestWhatMayNotBePlanned(t *testing.T) {
	p := newPlanner(t)
	for field, change := range map[string]func(*view.Plan){
		"title":          func(d *view.Plan) { d.Title = "" },
		"zone":           func(d *view.Plan) { d.Zone = "Mars/Olympus" },
		"start":          func(d *view.Plan) { d.Start, d.Rule = "2026-11-22T12:59:00", "" }, // over in Berlin
		"length_minutes": func(d *view.Plan) { d.Length = 25 * time.Hour },
		"remind_minutes": func(d *view.Plan) { d.Remind = time.Second },
		"rule":           func(d *view.Plan) { d.Rule = "FREQ=SECONDLY" },
	} {
		draft := weekly
		change(&draft)
		_, err := p.Plan(p.ctx(), owner, p.id, draft)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != fault.InvalidArgument || f.Details["field"] != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	stranger := command.Meta{Caller: command.Caller{Subject: "anchor:8", Anchor: 8, Scopes: []command.Scope{command.ScopeAnchor}}}
	_, err := p.Plan(p.ctx(), stranger, p.id, weekly)
	p.want(err, fault.PermissionDenied)
	_, err = p.Get(p.ctx(), stranger, p.id)
	p.want(err, fault.PermissionDenied)
	raced := owner
	raced.IfMatch = 7
	_, err = p.Plan(p.ctx(), raced, p.id, weekly)
	p.want(err, fault.VersionConflict)
	_, err = p.Unplan(p.ctx(), owner, p.id, 5)
	p.want(err, fault.PlanNotFound)
	planned, err := p.Plan(p.ctx(), owner, p.id, weekly)
	must(p.world, planned, err)
	_, err = p.Except(p.ctx(), owner, p.id, planned.Plan, view.Exception{Original: "2026-11-23T20:00:00"}) // a Monday
	p.want(err, fault.PlanNotFound)
	_, err = p.Occurrences(p.ctx(), owner, p.id, p.clock(), p.clock().AddDate(2, 0, 0), 10)
	p.want(err, fault.InvalidArgument)
}

func TestOneIdempotencyKeyPlansOnce(t *testing.T) {
	p := newPlanner(t)
	named := owner
	named.IdempotencyKey = "once"
	first, err := p.Plan(p.ctx(), named, p.id, weekly)
	must(p.world, first, err)
	again, err := p.Plan(p.ctx(), named, p.id, weekly)
	if must(p.world, again, err); again.Plan != first.Plan {
		t.Errorf("another plan: %s, %s", first.Plan, again.Plan)
	}
	now, err := p.Get(p.ctx(), owner, p.id)
	if must(p.world, now, err); len(now.Schedule.Plans) != 1 {
		t.Errorf("%d plans", len(now.Schedule.Plans))
	}
}

func TestExportedIsWhatAnAnchorPlans(t *testing.T) {
	p := newPlanner(t)
	_, err := p.Plan(p.ctx(), owner, p.id, weekly)
	must(p.world, 0, err)
	list, err := p.Export(p.ctx(), owner.Caller.Anchor)
	if must(p.world, list, err); len(list) != 26 || !list[0].Start.Equal(time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)) || list[0].Changes != 1 {
		t.Errorf("exported %d, from %+v", len(list), list)
	}
	none, err := p.Export(p.ctx(), 99)
	if must(p.world, none, err); len(none) != 0 {
		t.Errorf("of a stranger: %v", none)
	}
}
