package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"

	managementv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/management/v1"
	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

type peopleCmd struct {
	Mute   muteCmd    `cmd:"" help:"Keep users from speaking in a room; who is muted already has the new end."`
	Unmute unmuteCmd  `cmd:"" help:"Let them speak again."`
	Ban    banCmd     `cmd:"" help:"Keep users out of a room, or of the platform; a role they have is gone."`
	Unban  unbanCmd   `cmd:"" help:"Let them in again."`
	Grant  grantCmd   `cmd:"" help:"Make users VIPs or moderators."`
	Revoke revokeCmd  `cmd:"" help:"Make them viewers again."`
	List   peopleList `cmd:"" help:"The people of a room: muted, banned, moderators, VIPs."`
	Show   peopleShow `cmd:"" help:"One user of a room, or of the platform."`
}

// place is a room, or "platform".
type place int64

// UnmarshalText reads the argument.
func (p *place) UnmarshalText(b []byte) error {
	if string(b) == "platform" {
		*p = place(greenroom.Platform)
		return nil
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n <= 0 {
		return errors.New("a room's id, or the word platform")
	}
	*p = place(n)
	return nil
}

// whom is who a command is about. A file is sent as it is read: its length has no bound.
type whom struct {
	Room   place    `arg:"" help:"Room id; of bans also: platform."`
	Users  []int64  `arg:"" optional:"" name:"user" help:"User ids."`
	File   *os.File `placeholder:"FILE" help:"More user ids, one a line; - is the standard input."`
	DryRun bool     `help:"Say what would become of them, and change nothing."`
}

// duration is how long something lasts.
type duration struct {
	For   time.Duration `placeholder:"30m" help:"It ends by itself after so long, in whole minutes."`
	Until time.Time     `placeholder:"2026-12-01T12:00:00Z" help:"It ends by itself then."`
}

// Validate is kong's.
func (d *duration) Validate() error {
	if d.For < 0 || d.For%time.Minute != 0 {
		return errors.New("--for takes whole minutes, as in 30m or 24h")
	}
	return nil
}

type muteCmd struct {
	whom
	duration

	ThisSession bool   `help:"Until the broadcast that runs is over."`
	Reason      string `placeholder:"TEXT" help:"Why: the users may read it."`
	Note        string `placeholder:"TEXT" help:"For staff only."`
}

func (c *muteCmd) Run(ctx context.Context, s *session) error {
	return c.each(ctx, s, greenroom.Term{Reason: c.Reason, Note: c.Note, For: c.For, Until: c.Until, ThisSession: c.ThisSession}, s.Mute)
}

type banCmd struct {
	whom
	duration

	Reason string `placeholder:"TEXT" help:"Why: the users may read it."`
	Note   string `placeholder:"TEXT" help:"For staff only."`
}

func (c *banCmd) Run(ctx context.Context, s *session) error {
	return c.each(ctx, s, greenroom.Term{Reason: c.Reason, Note: c.Note, For: c.For, Until: c.Until}, s.Ban)
}

type unmuteCmd struct {
	whom

	Reason string `placeholder:"TEXT" help:"Why: the event carries it."`
}

func (c *unmuteCmd) Run(ctx context.Context, s *session) error {
	return c.each(ctx, s, greenroom.Term{Reason: c.Reason}, s.Unmute)
}

type unbanCmd struct {
	whom

	Reason string `placeholder:"TEXT" help:"Why: the event carries it."`
}

func (c *unbanCmd) Run(ctx context.Context, s *session) error {
	return c.each(ctx, s, greenroom.Term{Reason: c.Reason}, s.Unban)
}

type grantCmd struct {
	whom
	duration

	Role string `required:"" enum:"VIP,MODERATOR" placeholder:"VIP" help:"VIP or MODERATOR."`
}

func (c *grantCmd) Run(ctx context.Context, s *session) error {
	role := greenroom.Role(roomv1.Person_Role_value[c.Role])
	return c.each(ctx, s, greenroom.Term{For: c.For, Until: c.Until},
		func(ctx context.Context, room int64, users []int64, t greenroom.Term, o ...greenroom.CallOption) (*greenroom.PeopleResponse, error) {
			return s.GrantRole(ctx, room, users, role, t, o...)
		})
}

type revokeCmd struct{ whom }

func (c *revokeCmd) Run(ctx context.Context, s *session) error {
	return c.each(ctx, s, greenroom.Term{}, s.RevokeRole)
}

// treatment is a command of the client on people.
type treatment func(context.Context, int64, []int64, greenroom.Term, ...greenroom.CallOption) (*greenroom.PeopleResponse, error)

// each sends the users in batches, says after each how far it is, and at the end what became of all. What a batch did stays
// done when a later one fails: the same command again finds it done already.
func (w *whom) each(ctx context.Context, s *session, t greenroom.Term, do treatment) error {
	t.DryRun = w.DryRun
	var (
		count   [3]int // by result
		refused []*greenroom.Outcome
		version int64
	)
	send := func(users []int64) error {
		a, err := do(ctx, int64(w.Room), users, t)
		if err != nil {
			return err
		}
		version = a.GetVersion()
		if s.json {
			return s.message(a)
		}
		for _, o := range a.GetOutcomes() {
			if count[o.GetResult()]++; o.GetResult() == managementv1.Outcome_REFUSED {
				refused = append(refused, o)
			}
		}
		if all := count[0] + count[1] + count[2]; all > greenroom.MaxNamed {
			fmt.Fprintf(os.Stderr, "%d users so far\n", all)
		}
		return nil
	}
	err := w.batches(send)
	if s.json || version == 0 {
		return err
	}
	facts := []string{"version", num(version), "done", strconv.Itoa(count[0]), "already so", strconv.Itoa(count[1]), "refused", strconv.Itoa(count[2])}
	if w.DryRun {
		facts = append([]string{"dry run", "nothing was changed"}, facts...)
	}
	err = errors.Join(err, s.facts(facts...))
	if len(refused) > 0 {
		err = errors.Join(err, list(s, refused, "", "USER CODE WHY", func(o *greenroom.Outcome) []string {
			return []string{num(o.GetUserId()), o.GetCode(), o.GetMessage()}
		}))
	}
	return err
}

// batches reads the users of arguments and file.
func (w *whom) batches(send func([]int64) error) error {
	batch, any := make([]int64, 0, greenroom.MaxNamed), false
	add := func(user int64) error {
		if batch = append(batch, user); len(batch) < greenroom.MaxNamed {
			return nil
		}
		defer func() { batch = batch[:0] }()
		any = true
		return send(batch)
	}
	for _, u := range w.Users {
		if err := add(u); err != nil {
			return err
		}
	}
	if w.File != nil {
		defer func() { _ = w.File.Close() }() // it was only read
		if err := eachUser(w.File, add); err != nil {
			return err
		}
	}
	if len(batch) == 0 && !any {
		return errors.New("no users: name them, or give --file")
	}
	if len(batch) == 0 {
		return nil
	}
	return send(batch)
}

func eachUser(r io.Reader, add func(int64) error) error {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		user, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("line %d is no user id", n)
		}
		if err := add(user); err != nil {
			return err
		}
	}
	return lines.Err()
}

type peopleList struct {
	Room  place  `arg:"" help:"Room id, or platform."`
	Kind  string `enum:"ALL,MUTED,BANNED,MODERATORS,VIPS" default:"ALL" placeholder:"MUTED" help:"ALL, MUTED, BANNED, MODERATORS or VIPS."`
	Limit int    `placeholder:"N" help:"At most so many." default:"200"`
}

func (c *peopleList) Run(ctx context.Context, s *session) error {
	people, err := pages(c.Limit, func(token string) ([]*greenroom.Member, string, error) {
		return s.ListPeople(ctx, int64(c.Room), greenroom.PeopleKind(managementv1.ListPeopleRequest_Kind_value[c.Kind]), token)
	})
	if err != nil {
		return err
	}
	return list(s, people, "There is nobody.", "USER ROLE UNTIL MUTED BANNED", func(m *greenroom.Member) []string {
		return []string{num(m.GetUserId()), m.GetRole().String(), at(m.GetRoleUntil()), measureWords(m.GetMute()), measureWords(m.GetBan())}
	})
}

type peopleShow struct {
	Room place `arg:"" help:"Room id, or platform."`
	User int64 `arg:"" help:"User id."`
}

func (c *peopleShow) Run(ctx context.Context, s *session) error {
	m, err := s.Person(ctx, int64(c.Room), c.User)
	if err != nil {
		return err
	}
	if s.json {
		return s.message(m)
	}
	facts := []string{"user", num(m.GetUserId()), "role", m.GetRole().String(), "muted", measureWords(m.GetMute()), "banned", measureWords(m.GetBan())}
	for _, each := range []*greenroom.Measure{m.GetMute(), m.GetBan()} {
		if each != nil {
			facts = append(facts, "by", each.GetActor(), "note", orDash(each.GetNote()))
		}
	}
	return s.facts(facts...)
}

func measureWords(m *greenroom.Measure) string {
	if m == nil {
		return dash
	}
	words := "until it is lifted"
	switch {
	case m.GetUntil() != nil:
		words = "until " + at(m.GetUntil())
	case m.GetSessionId() != 0:
		words = "until the session is over"
	}
	if m.GetReason() != "" {
		words += ": " + m.GetReason()
	}
	return words
}
