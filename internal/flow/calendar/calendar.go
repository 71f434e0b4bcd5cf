// Package calendar says when planned broadcasts begin, and writes them down for other calendars.
//
// A plan says its times as a clock on the wall of its zone shows them, and its rule is counted through in walls: a
// weekly 20:00 stays 20:00 when the clocks change. Which moment a wall is, is decided last. A wall that the zone leaves
// out in spring is read with the offset that held before: 02:30 is then 03:30 on the new clock. Of one that comes twice in
// autumn it is the first. Both is what RFC 5545 asks for (3.3.5).
//
// Zones are those of the Go distribution, linked in: every process knows the same ones. Methods are safe for concurrent
// use, start nothing and wait for nothing. No plan that Check accepts makes another method fail; what they are given
// beside, they find to have no broadcasts.
package calendar

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a container may have no zones, and two machines two versions of them

	"github.com/teambition/rrule-go"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Calendar knows zones and rules. The zero value is ready.
type Calendar struct {
	zones sync.Map // by name; there are about 600
}

// allowed is the part of RFC 5545 that plans may use, by frequency. A broadcast begins at one time of the day, so there
// is no BYHOUR. What is left out beside could describe dates that never come, and the search for them is long.
var allowed = map[rrule.Frequency]string{
	rrule.DAILY:   " FREQ INTERVAL COUNT UNTIL ",
	rrule.WEEKLY:  " FREQ INTERVAL COUNT UNTIL WKST BYDAY ",
	rrule.MONTHLY: " FREQ INTERVAL COUNT UNTIL WKST BYDAY BYMONTHDAY BYSETPOS ",
	rrule.YEARLY:  " FREQ INTERVAL COUNT UNTIL WKST BYDAY BYMONTHDAY BYMONTH BYSETPOS ",
}

// Check is room.Calendar.
func (c *Calendar) Check(p *view.Plan) error {
	zone, err := c.zone(p.Zone)
	if err != nil {
		return err
	}
	start, err := wall("start", p.Start)
	if err != nil || p.Rule == "" {
		return err
	}
	option, err := parse(p.Rule, start, zone)
	if err != nil {
		return fault.InvalidArgument.New("rule: %s", err).With("field", "rule")
	}
	if !begins(option) {
		return fault.InvalidArgument.New("rule: the start %s is none of its dates", p.Start).With("field", "rule")
	}
	return nil
}

// begins reports whether a rule's start is its first date. For the next date of a rule that has none the library looks
// until the year 9999, for half a second; so it is asked close before that, where every year has the same days.
func begins(option *rrule.ROption) bool {
	if !option.Until.IsZero() && option.Until.Before(option.Dtstart) {
		return false
	}
	late := *option
	late.Dtstart, late.Until = option.Dtstart.AddDate((rrule.MAXYEAR-option.Dtstart.Year())/400*400, 0, 0), time.Time{}
	rule, err := rrule.NewRRule(late)
	if err != nil {
		return false
	}
	first, any := rule.Iterator()()
	return any && first.Equal(late.Dtstart)
}

// Falls is room.Calendar.
func (c *Calendar) Falls(p *view.Plan, at string) bool {
	want, err := wall("original", at)
	if err != nil {
		return false
	}
	for each := range c.walls(p, want) {
		if !each.Before(want) {
			return each.Equal(want)
		}
	}
	return false
}

// Moment is room.Calendar.
func (c *Calendar) Moment(name, at string) (time.Time, error) {
	zone, err := c.zone(name)
	if err != nil {
		return time.Time{}, err
	}
	t, err := wall("start", at)
	return moment(t, zone), err
}

// Occurrences is room.Calendar.
func (c *Calendar) Occurrences(p *view.Plan, from, to time.Time, limit int) []view.Occurrence {
	zone, err := c.zone(p.Zone)
	if err != nil {
		return nil
	}
	var out []view.Occurrence
	add := func(original string, start time.Time) {
		if !start.Before(from) && start.Before(to) {
			out = append(out, view.Occurrence{Plan: p.ID, Title: p.Title, Original: original, Start: start, End: start.Add(p.Length)})
		}
	}
	for each := range c.walls(p, from.UTC()) {
		start := moment(each, zone)
		if !start.Before(to) || len(out) >= limit {
			break
		}
		original := each.Format(view.WallClock)
		if !slices.ContainsFunc(p.Exceptions, func(x view.Exception) bool { return x.Original == original }) {
			add(original, start)
		}
	}
	for _, x := range p.Exceptions {
		if at, err := wall("moved", x.Moved); err == nil {
			add(x.Original, moment(at, zone))
		}
	}
	slices.SortFunc(out, func(a, b view.Occurrence) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Original, b.Original))
	})
	return out[:min(len(out), limit)]
}

// horizon is how long a series goes on at most. It bounds what a question about a far year costs.
const horizon = 20 * 366 * 24 * time.Hour

// walls yields when the plan's broadcasts begin by the clock on the wall, before exceptions: all from about from on, perhaps
// earlier ones too. The times are said to be UTC, where every wall exists, and exists once.
func (c *Calendar) walls(p *view.Plan, from time.Time) func(yield func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		zone, err := c.zone(p.Zone)
		if err != nil {
			return
		}
		start, err := wall("start", p.Start)
		if err != nil {
			return
		}
		if p.Rule == "" {
			yield(start)
			return
		}
		option, err := parse(p.Rule, start, zone)
		if err != nil {
			return
		}
		skip(option, from)
		rule, err := rrule.NewRRule(*option)
		if err != nil {
			return
		}
		next := rule.Iterator()
		for at, more := next(); more && at.Before(start.Add(horizon)) && yield(at); at, more = next() {
		}
	}
}

// maxCount bounds a series that counts: it is counted through from its beginning.
const maxCount = 1000

// skip begins a long series shortly before from. What recurs by days or weeks looks the same from any whole number of
// its periods later, unless it counts.
func skip(option *rrule.ROption, from time.Time) {
	days := map[rrule.Frequency]int{rrule.DAILY: 1, rrule.WEEKLY: 7}[option.Freq] * max(option.Interval, 1)
	gone := int(from.Sub(option.Dtstart)/(24*time.Hour)) - 2 // no zone is further from UTC
	if option.Count == 0 && days > 0 && gone > days {
		option.Dtstart = option.Dtstart.AddDate(0, 0, gone/days*days)
	}
}

func (c *Calendar) zone(name string) (*time.Location, error) {
	if known, found := c.zones.Load(name); found {
		return known.(*time.Location), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fault.InvalidArgument.New("zone: %q is no IANA time zone", name).With("field", "zone")
	}
	c.zones.Store(name, zone)
	return zone, nil
}

// parse reads a rule that is counted through in walls.
func parse(text string, start time.Time, zone *time.Location) (*rrule.ROption, error) {
	option, err := rrule.StrToROption(text)
	if err != nil {
		return nil, err
	}
	names, known := allowed[option.Freq]
	if !known {
		return nil, errors.New("a plan recurs daily, weekly, monthly or yearly")
	}
	for part := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(part, "=")
		switch {
		case !strings.Contains(names, " "+name+" "):
			return nil, errors.New(name + " is not for plans of this frequency")
		case name == "UNTIL" && len(value) != len(rrule.DateTimeFormat):
			return nil, errors.New("UNTIL is said in UTC, as in 20271231T225959Z")
		case (name == "INTERVAL" || name == "COUNT") && (strings.Trim(value, "0") == "" || value[0] == '-'):
			return nil, errors.New(name + " is at least 1")
		}
	}
	if option.Count > maxCount {
		return nil, errors.New("COUNT is at most " + strconv.Itoa(maxCount))
	}
	if option.Count > 0 && !option.Until.IsZero() {
		return nil, errors.New("COUNT and UNTIL exclude each other")
	}
	if !option.Until.IsZero() {
		at := option.Until.In(zone)
		option.Until = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
	}
	option.Dtstart = start
	_, err = rrule.NewRRule(*option)
	return option, err
}

func wall(field, text string) (time.Time, error) {
	t, err := time.Parse(view.WallClock, text)
	if err != nil || t.Format(view.WallClock) != text { // which leaves out fractions
		return t, fault.InvalidArgument.New("%s: %q is not written as in 2026-12-24T20:00:00", field, text).With("field", field)
	}
	return t, nil
}

// moment is when a clock in the zone shows the wall. The offsets of a day before and a day after are those on either
// side of the one change that may lie near.
func moment(wall time.Time, zone *time.Location) time.Time {
	offset := func(at time.Time) time.Duration {
		_, seconds := at.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	before, after := offset(wall.Add(-24*time.Hour)), offset(wall.Add(24*time.Hour))
	first, second := wall.Add(-before), wall.Add(-after)
	if offset(first) != before && offset(second) == after {
		return second
	}
	return first // the first of two, or the one that the zone leaves out
}
