package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

type controlCmd struct {
	Warn      warnCmd      `cmd:"" help:"Show a warning."`
	Unwarn    unwarnCmd    `cmd:"" help:"Take the warning back."`
	Cut       cutCmd       `cmd:"" help:"End the running broadcast now; with --for, hold the next one back."`
	Uncut     uncutCmd     `cmd:"" help:"End the hold after a cut."`
	Hide      hideCmd      `cmd:"" help:"Take the room out of every list; it still plays by its link."`
	Unhide    unhideCmd    `cmd:"" help:"Put it back."`
	Lock      lockCmd      `cmd:"" help:"End the running broadcast and refuse every other."`
	Unlock    unlockCmd    `cmd:"" help:"Let the room publish again."`
	Confirm   confirmCmd   `cmd:"" help:"Do what another person proposed for a room that many watch."`
	Decline   declineCmd   `cmd:"" help:"Close a proposal without doing it."`
	Proposals proposalsCmd `cmd:"" help:"Interventions that wait for a second person, and what became of them."`
	List      controlList  `cmd:"" help:"The rooms that have interventions in force."`
	Show      controlShow  `cmd:"" help:"What is in force in a room: reasons, notes, by whom, until when."`
}

// order is what all interventions are told.
type order struct {
	ID      int64         `arg:"" name:"room" help:"Room id."`
	Reason  string        `required:"" placeholder:"TEXT" help:"Why: viewers and encoders see it."`
	Note    string        `placeholder:"TEXT" help:"For staff only."`
	For     time.Duration `placeholder:"30m" help:"It ends by itself after so long, in whole minutes."`
	DryRun  bool          `help:"Say what would happen, and change nothing."`
	IfMatch int64         `placeholder:"N" help:"Only while the room is at this version."`

	Emergency string `placeholder:"TEXT" help:"Do alone, at once, what needs a second person, and say why. Needs the scope ops."`
}

// Validate is kong's.
func (o *order) Validate() error {
	if o.For < 0 || o.For%time.Minute != 0 {
		return errors.New("--for takes whole minutes, as in 30m or 24h")
	}
	return nil
}

// ending is an order that may end at a moment, too.
type ending struct {
	order
	Until time.Time `placeholder:"2026-12-01T12:00:00Z" help:"It ends by itself then."`
}

func (o *order) run(ctx context.Context, s *session, level greenroom.Level, until time.Time) error {
	return s.controlled(s.Intervene(ctx, o.ID, level, greenroom.Order{
		Reason: o.Reason, Note: o.Note, For: o.For, Until: until, DryRun: o.DryRun, Emergency: o.Emergency,
	}, ifMatch(o.IfMatch)...))
}

// lift is what taking back is told.
type lift struct {
	ID      int64  `arg:"" name:"room" help:"Room id."`
	Reason  string `placeholder:"TEXT" help:"Why: the event carries it."`
	DryRun  bool   `help:"Say what would happen, and change nothing."`
	IfMatch int64  `placeholder:"N" help:"Only while the room is at this version."`
}

func (l *lift) run(ctx context.Context, s *session, level greenroom.Level) error {
	return s.controlled(s.Lift(ctx, l.ID, level, l.Reason, l.DryRun, ifMatch(l.IfMatch)...))
}

func ifMatch(version int64) []greenroom.CallOption {
	if version == 0 {
		return nil
	}
	return []greenroom.CallOption{greenroom.IfMatch(version)}
}

type warnCmd struct{ ending }

func (c *warnCmd) Run(ctx context.Context, s *session) error {
	return c.run(ctx, s, greenroom.Warned, c.Until)
}

type unwarnCmd struct{ lift }

func (c *unwarnCmd) Run(ctx context.Context, s *session) error {
	return c.run(ctx, s, greenroom.Warned)
}

type cutCmd struct{ order }

func (c *cutCmd) Run(ctx context.Context, s *session) error {
	return c.run(ctx, s, greenroom.Cut, time.Time{})
}

type uncutCmd struct{ lift }

func (c *uncutCmd) Run(ctx context.Context, s *session) error { return c.run(ctx, s, greenroom.Cut) }

type hideCmd struct{ ending }

func (c *hideCmd) Run(ctx context.Context, s *session) error {
	return c.run(ctx, s, greenroom.Hidden, c.Until)
}

type unhideCmd struct{ lift }

func (c *unhideCmd) Run(ctx context.Context, s *session) error {
	return c.run(ctx, s, greenroom.Hidden)
}

type lockCmd struct{ ending }

func (c *lockCmd) Run(ctx context.Context, s *session) error {
	return c.run(ctx, s, greenroom.Locked, c.Until)
}

type unlockCmd struct{ lift }

func (c *unlockCmd) Run(ctx context.Context, s *session) error {
	return c.run(ctx, s, greenroom.Locked)
}

type controlList struct {
	State string `enum:",WARNED,CUT,HIDDEN,LOCKED" default:"" placeholder:"LOCKED" help:"Only rooms whose strongest intervention is this: WARNED, CUT, HIDDEN or LOCKED."`
	Limit int    `placeholder:"N" help:"At most so many." default:"200"`
}

func (c *controlList) Run(ctx context.Context, s *session) error {
	rooms, err := pages(c.Limit, func(token string) ([]*greenroom.Controlled, string, error) {
		return s.ListControlled(ctx, greenroom.Level(roomv1.Control_State_value[c.State]), token)
	})
	if err != nil {
		return err
	}
	return list(s, rooms, "Nothing is in force in any such room.", "ID STATE UNTIL REASON TITLE", func(r *greenroom.Controlled) []string {
		seen := r.GetRoom().GetControl()
		return []string{num(r.GetRoom().GetId()), seen.GetState().String(), at(seen.GetUntil()), seen.GetReason(), r.GetRoom().GetTitle()}
	})
}

type controlShow struct {
	ID int64 `arg:"" name:"room" help:"Room id."`
}

func (c *controlShow) Run(ctx context.Context, s *session) error {
	r, err := s.RoomControl(ctx, c.ID)
	if err != nil {
		return err
	}
	if s.json {
		return s.message(r)
	}
	return s.inForce(r.GetInterventions())
}

// controlled prints what a command of room control did, or would do.
func (s *session) controlled(a *greenroom.ControlResponse, err error) error {
	if err != nil {
		return err
	}
	if s.json {
		return s.message(a)
	}
	seen, facts := a.GetRoom().GetControl(), []string{"room", num(a.GetRoom().GetId()), "version", num(a.GetRoom().GetVersion())}
	if would := a.GetForesight(); would != nil {
		ends := "no"
		if would.GetWouldEndSession() {
			ends = "session " + strconv.FormatInt(would.GetSessionId(), 10)
		}
		seen, facts = would.GetControl(), append(facts, "dry run", "nothing was changed", "would end", ends, "viewers", watching(would))
		if would.GetNeedsConfirmation() {
			facts = append(facts, "second person", "needed: another has to confirm it")
		}
	}
	text := []string{seen.GetState().String()}
	if seen.GetReason() != "" {
		text = append(text, seen.GetReason())
	}
	if err := s.facts(append(facts, "viewers see", strings.Join(text, ": "))...); err != nil {
		return err
	}
	return s.inForce(a.GetInterventions())
}

// watching is how many would notice. Unknown is not none.
func watching(f *greenroom.Foresight) string {
	if f.Viewers == nil {
		return "unknown: no node that counts them is heard"
	}
	return fmt.Sprintf("%d as of %s", f.GetViewers(), at(f.GetViewersAsOf()))
}

func (s *session) inForce(all []*greenroom.Intervention) error {
	return list(s, all, "Nothing is in force.", "LEVEL SINCE UNTIL BY REASON NOTE", func(i *greenroom.Intervention) []string {
		return []string{i.GetLevel().String(), at(i.GetAt()), at(i.GetUntil()), i.GetActor(), i.GetReason(), orDash(i.GetNote())}
	})
}
