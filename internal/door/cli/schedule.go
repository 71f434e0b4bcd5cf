package cli

import (
	"context"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type scheduleCmd struct {
	Plan   schedulePlan   `cmd:"" help:"Plan a broadcast, or a series of them."`
	Edit   scheduleEdit   `cmd:"" help:"Say a plan anew, as a whole."`
	List   scheduleList   `cmd:"" help:"The planned broadcasts of a room that come next, each for itself."`
	Show   scheduleShow   `cmd:"" help:"The plans of a room, with their rules."`
	Move   scheduleMove   `cmd:"" help:"Have one broadcast of a plan begin at another time."`
	Soon   scheduleSoon   `cmd:"" help:"What begins soon, in all rooms, as viewers see it."`
	Cancel scheduleCancel `cmd:"" help:"Take a plan back, or one of its broadcasts."`
}

// planned are the flags that say a plan.
type planned struct {
	Room    int64         `arg:"" help:"Room id."`
	Title   string        `arg:"" help:"What it is, up to 100 characters."`
	Start   string        `required:"" placeholder:"TIME" help:"When the first one begins by the clock on the wall, as in 2026-12-24T20:00:00."`
	Zone    string        `required:"" placeholder:"ZONE" help:"Time zone of that clock, as in Europe/Berlin."`
	Length  time.Duration `default:"1h" placeholder:"DURATION" help:"How long it is meant to last, up to 24h (${default})."`
	Rule    string        `placeholder:"RULE" help:"How it recurs, as a rule of RFC 5545: FREQ=WEEKLY;BYDAY=FR. Once when absent."`
	Remind  time.Duration `default:"15m" placeholder:"DURATION" help:"How long before it BroadcastStartsSoon is told (${default})."`
	IfMatch int64         `placeholder:"N" help:"Only while the room is at this version."`
}

func (p *planned) draft() *greenroom.PlanDraft {
	return &greenroom.PlanDraft{
		Title: p.Title, Start: p.Start, Zone: p.Zone, LengthMinutes: int32(p.Length / time.Minute), Rule: p.Rule, RemindMinutes: int32(p.Remind / time.Minute),
	}
}

type schedulePlan struct{ planned }

func (c *schedulePlan) Run(ctx context.Context, s *session) error {
	return s.scheduled(s.PlanBroadcast(ctx, c.Room, c.draft(), matching(c.IfMatch)...))
}

type scheduleEdit struct {
	planned
	Plan int64 `required:"" placeholder:"ID" help:"Plan id."`
}

func (c *scheduleEdit) Run(ctx context.Context, s *session) error {
	return s.scheduled(s.EditPlan(ctx, c.Room, c.Plan, c.draft(), matching(c.IfMatch)...))
}

type scheduleList struct {
	Room  int64     `arg:"" help:"Room id."`
	From  time.Time `placeholder:"TIME" help:"Those that begin from then on, as in 2026-12-24T18:00:00Z; from now on when absent."`
	To    time.Time `placeholder:"TIME" help:"Those that begin before then; thirty days later when absent."`
	Limit int       `placeholder:"N" default:"50" help:"At most so many, up to 200 (${default})."`
}

func (c *scheduleList) Run(ctx context.Context, s *session) error {
	all, err := s.Occurrences(ctx, c.Room, c.From, c.To, c.Limit)
	if err != nil {
		return err
	}
	return list(s, all, "Nothing is planned in that time.", "STARTS ENDS PLAN ORIGINAL TITLE", func(o *greenroom.Occurrence) []string {
		return []string{at(o.GetStartsAt()), at(o.GetEndsAt()), num(o.GetPlanId()), o.GetOriginal(), o.GetTitle()}
	})
}

type scheduleSoon struct {
	Limit int `placeholder:"N" default:"50" help:"At most so many (${default})."`
}

func (c *scheduleSoon) Run(ctx context.Context, s *session) error {
	all, err := pages(c.Limit, func(token string) ([]*greenroom.Occurrence, string, error) {
		page, err := s.Client.Soon(ctx, 0, token)
		return page.GetBroadcasts(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	return list(s, all, "Nothing begins soon.", "STARTS ENDS ROOM TITLE", func(o *greenroom.Occurrence) []string {
		return []string{at(o.GetStartsAt()), at(o.GetEndsAt()), num(o.GetRoomId()), o.GetTitle()}
	})
}

type scheduleShow struct {
	Room int64 `arg:"" help:"Room id."`
}

func (c *scheduleShow) Run(ctx context.Context, s *session) error {
	return s.scheduled(s.Schedule(ctx, c.Room))
}

type scheduleMove struct {
	Room     int64  `arg:"" help:"Room id."`
	Plan     int64  `arg:"" help:"Plan id."`
	Original string `arg:"" help:"The broadcast: when the rule has it begin, as the list says it."`
	To       string `arg:"" help:"When it shall begin, by the same clock. The original itself takes back what was done to it."`
	IfMatch  int64  `placeholder:"N" help:"Only while the room is at this version."`
}

func (c *scheduleMove) Run(ctx context.Context, s *session) error {
	return s.scheduled(s.MoveBroadcast(ctx, c.Room, c.Plan, c.Original, c.To, matching(c.IfMatch)...))
}

type scheduleCancel struct {
	Room     int64  `arg:"" help:"Room id."`
	Plan     int64  `arg:"" help:"Plan id."`
	Original string `arg:"" optional:"" help:"One broadcast: when the rule has it begin, as the list says it. All of the plan when absent."`
	IfMatch  int64  `placeholder:"N" help:"Only while the room is at this version."`
}

func (c *scheduleCancel) Run(ctx context.Context, s *session) error {
	if c.Original != "" {
		return s.scheduled(s.CancelBroadcast(ctx, c.Room, c.Plan, c.Original, matching(c.IfMatch)...))
	}
	return s.scheduled(s.CancelPlan(ctx, c.Room, c.Plan, matching(c.IfMatch)...))
}

// scheduled prints the plans of a room.
func (s *session) scheduled(a *greenroom.Scheduled, err error) error {
	if err != nil {
		return err
	}
	if s.json {
		return s.message(a)
	}
	return list(s, a.GetSchedule().GetPlans(), "Nothing is planned.", "PLAN START ZONE RULE EXCEPTIONS TITLE", func(p *greenroom.Plan) []string {
		return []string{num(p.GetId()), p.GetStart(), p.GetZone(), orDash(p.GetRule()), num(int64(len(p.GetExceptions()))), p.GetTitle()}
	})
}
