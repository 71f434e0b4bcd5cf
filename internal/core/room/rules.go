package room

// Story: the rules of speech of a room, or of the platform: one document with a version.
//
//	door/commandapi ─▶ command.Rules ─▶ this file decides ─▶ store commits {state, outbox} ─▶ as every change
//
// What a blocked term is compared with is the business of who compares. Here terms lose the white space around them,
// a run of it inside becomes one space, and each stands once, in order: a document is equal when it says the same.

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Bounds of the rules.
const (
	MaxSlowMode      = 6 * time.Hour
	MaxAccountAge    = 3650 * 24 * time.Hour
	MaxTerms         = 500
	MaxPlatformTerms = 5000
	MaxTerm          = 64 // runes
	MaxExpressions   = 50
	MaxExpression    = 256 // bytes
	// maxProgram bounds one compiled expression, in instructions: a{1000} is short to write.
	maxProgram = 2000
	// MaxRulesBytes bounds the words of a document together: an event carries it whole, and has to fit a message of the broker.
	MaxRulesBytes = 256 << 10
)

// Rules are the document with its version.
type Rules struct {
	view.Rules
	// Version is that of the place at the document's last change; 0 for rules that nobody ever set.
	Version   ident.Version `json:"version"`
	UpdatedAt time.Time     `json:"updated_at"`
	Actor     string        `json:"actor"`

	changed bool
}

// Changed reports whether a story changed the document since it was loaded.
func (d *Rules) Changed() bool { return d.changed }

// Set puts next in the document's place; what says the same is no change. INVALID_ARGUMENT points at the field.
func (d *Rules) Set(by By, in Place, next view.Rules) error {
	terms := MaxTerms
	if in.place() == ident.Platform {
		terms = MaxPlatformTerms
	}
	next.BlockedTerms = tidyTerms(next.BlockedTerms)
	next.BlockedExpressions = slices.Clone(next.BlockedExpressions)
	if err := checkRules(&next, terms); err != nil {
		return err
	}
	if sameRules(&d.Rules, &next) {
		return nil
	}
	e := in.step(by, event.RulesChanged, "")
	d.Rules, d.Version, d.UpdatedAt, d.Actor, d.changed = next, e.Version, by.Now, by.Actor, true
	e.Carry(&view.Detail{Rules: &next})
	return nil
}

// RulesPatch is an edit; nil leaves as it is.
type RulesPatch struct {
	SlowMode, MinAccountAge          *time.Duration
	MembersOnly, NoLinks, EmoteOnly  *bool
	BlockedTerms, BlockedExpressions *[]string
}

// Over is what the rules are after the edit.
func (p RulesPatch) Over(r view.Rules) view.Rules {
	set(&r.SlowMode, p.SlowMode)
	set(&r.MinAccountAge, p.MinAccountAge)
	set(&r.MembersOnly, p.MembersOnly)
	set(&r.NoLinks, p.NoLinks)
	set(&r.EmoteOnly, p.EmoteOnly)
	set(&r.BlockedTerms, p.BlockedTerms)
	set(&r.BlockedExpressions, p.BlockedExpressions)
	return r
}

// WithTerms blocks more terms and lets others go; one that is in both lists goes.
func WithTerms(r view.Rules, add, remove []string) view.Rules {
	gone := tidyTerms(remove)
	r.BlockedTerms = slices.DeleteFunc(tidyTerms(slices.Concat(r.BlockedTerms, add)), func(t string) bool { return slices.Contains(gone, t) })
	return r
}

func sameRules(a, b *view.Rules) bool {
	return a.SlowMode == b.SlowMode && a.MembersOnly == b.MembersOnly && a.MinAccountAge == b.MinAccountAge && a.NoLinks == b.NoLinks &&
		a.EmoteOnly == b.EmoteOnly && slices.Equal(a.BlockedTerms, b.BlockedTerms) && slices.Equal(a.BlockedExpressions, b.BlockedExpressions)
}

// tidyTerms brings terms into the one form in which they are kept.
func tidyTerms(terms []string) []string {
	out := make([]string, 0, len(terms))
	for _, t := range terms {
		out = append(out, strings.Join(strings.Fields(t), " "))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func checkRules(r *view.Rules, terms int) error {
	switch {
	case r.SlowMode < 0 || r.SlowMode > MaxSlowMode:
		return invalid("rules.slow_mode_seconds", "0 to %d", int(MaxSlowMode/time.Second))
	case r.MinAccountAge < 0 || r.MinAccountAge > MaxAccountAge:
		return invalid("rules.min_account_age_seconds", "0 to %d", int(MaxAccountAge/time.Second))
	case len(r.BlockedTerms) > terms:
		return invalid("rules.blocked_terms", "%d terms, at most %d", len(r.BlockedTerms), terms)
	case len(r.BlockedExpressions) > MaxExpressions:
		return invalid("rules.blocked_expressions", "%d expressions, at most %d", len(r.BlockedExpressions), MaxExpressions)
	}
	size := 0
	for _, t := range r.BlockedTerms {
		if t == "" {
			return invalid("rules.blocked_terms", "an empty term blocks nothing")
		}
		if err := text("rules.blocked_terms", t, MaxTerm); err != nil {
			return err
		}
		size += len(t)
	}
	if size > MaxRulesBytes {
		return invalid("rules.blocked_terms", "%d bytes, at most %d", size, MaxRulesBytes)
	}
	for i, x := range r.BlockedExpressions {
		if err := checkExpression(fmt.Sprintf("rules.blocked_expressions[%d]", i), x); err != nil {
			return err
		}
	}
	return nil
}

// checkExpression takes what RE2 takes, is small when compiled, and does not match everything.
func checkExpression(field, x string) error {
	if err := text(field, x, MaxExpression); err != nil {
		return err
	}
	if len(x) > MaxExpression {
		return invalid(field, "%d bytes, at most %d", len(x), MaxExpression)
	}
	parsed, err := syntax.Parse(x, syntax.Perl)
	if err != nil {
		return invalid(field, "%s", err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return invalid(field, "%s", err)
	}
	if len(program.Inst) > maxProgram {
		return invalid(field, "unfolds to %d steps, at most %d", len(program.Inst), maxProgram)
	}
	if compiled, err := regexp.Compile(x); err != nil {
		return invalid(field, "%s", err)
	} else if compiled.MatchString("") {
		return invalid(field, "matches the empty text, and so would block every message")
	}
	return nil
}
