package cli

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type rulesCmd struct {
	Show  rulesShow  `cmd:"" help:"The rules of speech of a room, or of the platform."`
	Set   rulesSet   `cmd:"" help:"Change what is named, or with --file put a whole document in place."`
	Terms rulesTerms `cmd:"" help:"Blocked words and phrases."`
}

type rulesTerms struct {
	Add    termsAdd    `cmd:"" help:"Block terms."`
	Remove termsRemove `cmd:"" help:"Let terms go."`
}

type rulesShow struct {
	Room place `arg:"" help:"Room id, or platform."`
}

func (c *rulesShow) Run(ctx context.Context, s *session) error {
	return s.rules(s.Client.Rules(ctx, int64(c.Room)))
}

type rulesSet struct {
	Room          place          `arg:"" help:"Room id, or platform."`
	SlowMode      *time.Duration `placeholder:"30s" help:"Time between two messages of one user, at most 6h; 0s for none."`
	MinAccountAge *time.Duration `placeholder:"24h" help:"How old an account must be; 0s for any age."`
	MembersOnly   *bool          `negatable:"" help:"Only members may speak."`
	NoLinks       *bool          `negatable:"" help:"No addresses of the web."`
	EmoteOnly     *bool          `negatable:"" help:"Nothing but emotes."`
	File          *os.File       `placeholder:"FILE" help:"A whole document as JSON, as --json shows its rules; - is the standard input."`
	IfMatch       int64          `placeholder:"N" help:"Only while the document is at this version."`
}

// maxRulesFile is what the door takes.
const maxRulesFile = 64 << 10

func (c *rulesSet) Run(ctx context.Context, s *session) error {
	if c.File != nil {
		defer func() { _ = c.File.Close() }() // it was only read
		text, err := io.ReadAll(io.LimitReader(c.File, maxRulesFile))
		if err != nil {
			return err
		}
		var rules greenroom.Rules
		if err := protojson.Unmarshal(text, &rules); err != nil {
			return err
		}
		return s.rules(s.SetRules(ctx, int64(c.Room), &rules, matching(c.IfMatch)...))
	}
	patch := &greenroom.RulesPatch{MembersOnly: c.MembersOnly, NoLinks: c.NoLinks, EmoteOnly: c.EmoteOnly}
	if c.SlowMode != nil {
		patch.SlowModeSeconds = new(int32(min(*c.SlowMode/time.Second, 1<<30)))
	}
	if c.MinAccountAge != nil {
		patch.MinAccountAgeSeconds = new(int64(*c.MinAccountAge / time.Second))
	}
	return s.rules(s.UpdateRules(ctx, int64(c.Room), patch, nil, matching(c.IfMatch)...))
}

type termsAdd struct {
	Room  place    `arg:"" help:"Room id, or platform."`
	Terms []string `arg:"" name:"term" help:"Words and phrases, each at most 64 characters."`
}

func (c *termsAdd) Run(ctx context.Context, s *session) error {
	return s.rules(s.ChangeTerms(ctx, int64(c.Room), c.Terms, nil))
}

type termsRemove struct {
	Room  place    `arg:"" help:"Room id, or platform."`
	Terms []string `arg:"" name:"term" help:"Words and phrases."`
}

func (c *termsRemove) Run(ctx context.Context, s *session) error {
	return s.rules(s.ChangeTerms(ctx, int64(c.Room), nil, c.Terms))
}

// rules prints a document.
func (s *session) rules(d *greenroom.RulesDocument, err error) error {
	if err != nil {
		return err
	}
	if s.json {
		return s.message(d)
	}
	r := d.GetRules()
	seconds := func(n int64) string { return (time.Duration(n) * time.Second).String() }
	return s.facts("version", num(d.GetVersion()), "slow mode", seconds(int64(r.GetSlowModeSeconds())), "account age", seconds(r.GetMinAccountAgeSeconds()),
		"members only", strconv.FormatBool(r.GetMembersOnly()), "no links", strconv.FormatBool(r.GetNoLinks()), "emote only", strconv.FormatBool(r.GetEmoteOnly()),
		"blocked terms", orDash(strings.Join(r.GetBlockedTerms(), ", ")), "expressions", orDash(strings.Join(r.GetBlockedExpressions(), " ")))
}
