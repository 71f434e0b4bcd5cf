package view

import (
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Schedule is what is planned in a room, by plan id.
type Schedule struct {
	Plans []Plan `json:"plans,omitempty"`
	// Soon are the broadcasts still to come of which viewers were reminded, as they were to come when something changed last.
	Soon []Occurrence `json:"soon,omitempty"`
}

// WallClock is the layout of a time as a clock on the wall shows it. Which moment that is, only the zone says: so plans
// keep walls, and a change of the zone's rules moves no 20:00.
const WallClock = "2006-01-02T15:04:05"

// Plan is a broadcast that an anchor means to make, or a series of them.
type Plan struct {
	ID    ident.PlanID `json:"id"`
	Title string       `json:"title"`
	// Start is when the first broadcast begins, in WallClock.
	Start string `json:"start"`
	// Zone is the IANA name of the time zone of all walls here.
	Zone string `json:"zone"`
	// Length is how long a broadcast is meant to last, in whole minutes.
	Length time.Duration `json:"length"`
	// Rule is an RFC 5545 recurrence rule, as in FREQ=WEEKLY;BYDAY=FR; empty for one broadcast.
	Rule string `json:"rule,omitempty"`
	// Remind is how long before each broadcast its BroadcastStartsSoon is told, in whole minutes.
	Remind time.Duration `json:"remind"`
	// Exceptions are the broadcasts that are not as the rule says, each once, by Original.
	Exceptions []Exception `json:"exceptions,omitempty"`
	// ChangedAt is when the plan was last changed, Changes how often.
	ChangedAt time.Time `json:"changed_at"`
	Changes   int       `json:"changes"`
}

// Exception is one broadcast of a plan that was moved or cancelled.
type Exception struct {
	// Original is when the rule has it begin, in WallClock: its name for as long as the plan lives.
	Original string `json:"original"`
	// Moved is when it begins instead, in WallClock; empty: it is cancelled.
	Moved string `json:"moved,omitempty"`
}

// Occurrence is one planned broadcast.
type Occurrence struct {
	Plan     ident.PlanID `json:"plan"`
	Title    string       `json:"title"`
	Original string       `json:"original"`
	Start    time.Time    `json:"start"`
	End      time.Time    `json:"end"`
}

// Clone shares nothing with the schedule.
func (s *Schedule) Clone() Schedule {
	out := Schedule{Plans: slices.Clone(s.Plans), Soon: slices.Clone(s.Soon)}
	for i := range out.Plans {
		out.Plans[i].Exceptions = slices.Clone(out.Plans[i].Exceptions)
	}
	return out
}

// Upcoming is a planned broadcast with its room.
type Upcoming struct {
	Room ident.RoomID
	Occurrence
}
