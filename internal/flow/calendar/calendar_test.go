package calendar_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/calendar"
)

// starts are the beginnings of the plan's broadcasts in a window, in UTC.
func starts(t *testing.T, p view.Plan, from, to string, limit int) []string {
	t.Helper()
	var c calendar.Calendar
	if err := c.Check(&p); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range c.Occurrences(&p, at(t, from), at(t, to), limit) {
		out = append(out, o.Start.UTC().Format("2006-01-02T15:04Z"))
	}
	return out
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse("2006-01-02T15:04Z", text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

func TestWallsAndMoments(t *testing.T) {
	for _, c := range []struct {
		name           string
		plan           view.Plan
		from, to, want string
	}{
		{"once", view.Plan{Start: "2026-12-24T20:00:00", Zone: "Europe/Berlin"}, "2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-12-24T19:00Z"},
		{"a weekly 20:00 stays 20:00 when summer ends", view.Plan{Start: "2026-10-16T20:00:00", Zone: "Europe/Berlin", Rule: "FREQ=WEEKLY"},
			"2026-10-01T00:00Z", "2026-11-02T00:00Z", "2026-10-16T18:00Z 2026-10-23T18:00Z 2026-10-30T19:00Z"},
		{"and when it begins", view.Plan{Start: "2027-03-26T20:00:00", Zone: "Europe/Berlin", Rule: "FREQ=WEEKLY;COUNT=2"},
			"2027-01-01T00:00Z", "2028-01-01T00:00Z", "2027-03-26T19:00Z 2027-04-02T18:00Z"},
		{"02:30 does not exist: the offset of before", view.Plan{Start: "2027-03-27T02:30:00", Zone: "Europe/Berlin", Rule: "FREQ=DAILY;COUNT=3"},
			"2027-01-01T00:00Z", "2028-01-01T00:00Z", "2027-03-27T01:30Z 2027-03-28T01:30Z 2027-03-29T00:30Z"},
		{"02:30 comes twice: the first", view.Plan{Start: "2026-10-24T02:30:00", Zone: "Europe/Berlin", Rule: "FREQ=DAILY;COUNT=3"},
			"2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-10-24T00:30Z 2026-10-25T00:30Z 2026-10-26T01:30Z"},
		{"west of Greenwich, where it does not exist", view.Plan{Start: "2027-03-14T02:30:00", Zone: "America/New_York"},
			"2027-01-01T00:00Z", "2028-01-01T00:00Z", "2027-03-14T07:30Z"},
		{"west of Greenwich, where it comes twice", view.Plan{Start: "2026-11-01T01:30:00", Zone: "America/New_York"},
			"2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-11-01T05:30Z"},
		{"half an hour of summer", view.Plan{Start: "2027-04-04T01:45:00", Zone: "Australia/Lord_Howe"},
			"2027-01-01T00:00Z", "2028-01-01T00:00Z", "2027-04-03T14:45Z"},
		{"UNTIL is in UTC and belongs to the series", view.Plan{Start: "2026-10-16T20:00:00", Zone: "Europe/Berlin", Rule: "FREQ=WEEKLY;UNTIL=20261030T190000Z"},
			"2026-10-01T00:00Z", "2028-01-01T00:00Z", "2026-10-16T18:00Z 2026-10-23T18:00Z 2026-10-30T19:00Z"},
		{"the last workday of the month", view.Plan{Start: "2026-10-30T20:00:00", Zone: "UTC", Rule: "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"},
			"2026-10-01T00:00Z", "2026-12-01T00:00Z", "2026-10-30T20:00Z 2026-11-30T20:00Z"},
		{"the 29th of February", view.Plan{Start: "2028-02-29T20:00:00", Zone: "UTC", Rule: "FREQ=YEARLY"},
			"2028-03-01T00:00Z", "2034-01-01T00:00Z", "2032-02-29T20:00Z"},
		{"one moved over another, one cancelled", view.Plan{Start: "2026-11-02T20:00:00", Zone: "UTC", Rule: "FREQ=DAILY;COUNT=4",
			Exceptions: []view.Exception{{Original: "2026-11-02T20:00:00", Moved: "2026-11-04T21:00:00"}, {Original: "2026-11-03T20:00:00"}}},
			"2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-11-04T20:00Z 2026-11-04T21:00Z 2026-11-05T20:00Z"},
		{"years later, every other Saturday and Sunday", view.Plan{Start: "2026-10-24T20:00:00", Zone: "Asia/Kolkata", Rule: "FREQ=WEEKLY;INTERVAL=2;BYDAY=SA,SU"},
			"2029-10-01T00:00Z", "2029-10-30T00:00Z", "2029-10-06T14:30Z 2029-10-07T14:30Z 2029-10-20T14:30Z 2029-10-21T14:30Z"},
		{"years later, counted", view.Plan{Start: "2026-10-24T20:00:00", Zone: "UTC", Rule: "FREQ=DAILY;INTERVAL=3;COUNT=200"},
			"2028-06-07T00:00Z", "2029-10-30T00:00Z", "2028-06-09T20:00Z 2028-06-12T20:00Z"},
		{"the end of a window is outside", view.Plan{Start: "2026-11-02T20:00:00", Zone: "UTC", Rule: "FREQ=DAILY"},
			"2026-11-03T20:00Z", "2026-11-05T20:00Z", "2026-11-03T20:00Z 2026-11-04T20:00Z"},
	} {
		if got := strings.Join(starts(t, c.plan, c.from, c.to, 10), " "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestWhatIsNoPlan(t *testing.T) {
	var c calendar.Calendar
	good := view.Plan{Start: "2026-10-23T20:00:00", Zone: "Europe/Berlin"}
	for _, bad := range []struct {
		field string
		do    func(*view.Plan)
	}{
		{"zone", func(p *view.Plan) { p.Zone = "" }},
		{"zone", func(p *view.Plan) { p.Zone = "Local" }},
		{"zone", func(p *view.Plan) { p.Zone = "Berlin" }},
		{"zone", func(p *view.Plan) { p.Zone = "../etc/passwd" }},
		{"start", func(p *view.Plan) { p.Start = "2026-10-23T20:00:00Z" }},
		{"start", func(p *view.Plan) { p.Start = "2026-10-23T20:00:00.5" }},
		{"start", func(p *view.Plan) { p.Start = "2026-02-30T20:00:00" }},
		{"rule", func(p *view.Plan) { p.Rule = "weekly" }},
		{"rule", func(p *view.Plan) { p.Rule = "BYDAY=FR" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=HOURLY" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=DAILY;BYHOUR=1,2,3" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=DAILY;DTSTART=20261023T200000" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=WEEKLY;BYDAY=SA" }}, // the 23rd is a Friday
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=WEEKLY;INTERVAL=0" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=WEEKLY;INTERVAL=-1" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=WEEKLY;COUNT=-1" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=WEEKLY;COUNT=1001" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=WEEKLY;UNTIL=20261231" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=WEEKLY;UNTIL=20261231T200000Z;COUNT=3" }},
		{"rule", func(p *view.Plan) { p.Rule = "FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=5MO" }}, // never
	} {
		p := good
		bad.do(&p)
		err := c.Check(&p)
		if f := new(fault.Error); !errors.As(err, &f) || f.Code != fault.InvalidArgument || f.Details["field"] != bad.field {
			t.Errorf("%+v: %v, want a fault of %s", p, err, bad.field)
		}
	}
	if err := c.Check(&good); err != nil {
		t.Error(err)
	}
}

func TestFalls(t *testing.T) {
	var c calendar.Calendar
	p := view.Plan{Start: "2026-10-23T20:00:00", Zone: "Europe/Berlin", Rule: "FREQ=WEEKLY"}
	for wall, want := range map[string]bool{
		"2026-10-23T20:00:00": true, "2026-10-30T20:00:00": true, "2026-10-30T19:00:00": false, "2026-10-16T20:00:00": false,
		"9999-10-30T20:00:00": false, "tomorrow": false, "": false,
	} {
		if got := c.Falls(&p, wall); got != want {
			t.Errorf("%q: %v", wall, got)
		}
	}
}

// The clock on the wall shows what the plan says on every day that has such a time, whatever the zone does.
func TestTheWallShowsThePlannedTime(t *testing.T) {
	var c calendar.Calendar
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham", "Europe/Dublin"}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(zones).Draw(t, "zone")
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		wall := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 2*366*24*60).Draw(t, "minute")) * time.Minute)
		got, err := c.Moment(name, wall.Format(view.WallClock))
		if err != nil {
			t.Fatal(err)
		}
		shown := got.In(zone).Format(view.WallClock)
		exists := slices.ContainsFunc([]time.Duration{-2 * time.Hour, -time.Hour, -30 * time.Minute, 0, 30 * time.Minute, time.Hour, 2 * time.Hour}, func(d time.Duration) bool {
			return got.Add(d).In(zone).Format(view.WallClock) == wall.Format(view.WallClock)
		})
		if exists && shown != wall.Format(view.WallClock) {
			t.Fatalf("%s in %s became %s", wall, name, shown)
		}
		for _, earlier := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
			if got.Add(-earlier).In(zone).Format(view.WallClock) == shown {
				t.Fatalf("%s in %s: %s is the second", wall, name, got)
			}
		}
	})
}

func BenchmarkOccurrences(b *testing.B) {
	var c calendar.Calendar
	start := time.Date(2026, 10, 23, 20, 0, 0, 0, time.UTC)
	for name, rule := range map[string]string{"weekly, a year old": "FREQ=WEEKLY", "daily, a year old": "FREQ=DAILY", "29 February": "FREQ=YEARLY"} {
		p := view.Plan{Start: start.Format(view.WallClock), Zone: "Europe/Berlin", Rule: rule}
		if rule == "FREQ=YEARLY" {
			p.Start = "2028-02-29T20:00:00"
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c.Occurrences(&p, start.AddDate(1, 0, 0), start.AddDate(10, 0, 0), 1)
			}
		})
	}
	b.Run("a check of what never comes", func(b *testing.B) {
		never := view.Plan{Start: "2026-10-23T20:00:00", Zone: "UTC", Rule: "FREQ=MONTHLY;BYMONTHDAY=1;BYDAY=5MO"}
		for b.Loop() {
			if c.Check(&never) == nil {
				b.Fatal("accepted")
			}
		}
	})
}
