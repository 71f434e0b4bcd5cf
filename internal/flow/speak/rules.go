package speak

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	ahocorasick "github.com/petar-dambovaliev/aho-corasick"

	"github.com/greenroomlive/greenroom/internal/core/view"
)

// rulebook is a room's rules, made ready for questions.
type rulebook struct {
	rules view.Rules
	// terms finds all blocked terms in one pass over a folded text; folded are the same terms, by number.
	terms  *ahocorasick.AhoCorasick
	folded []string
	begins *beginnings
	// expressions is all blocked expressions as one, matched against the text as it was written; nil for none.
	expressions *regexp.Regexp
}

// compile makes rules ready; nil for rules that forbid nothing.
func compile(r *view.Rules) (*rulebook, error) {
	if r.Void() {
		return nil, nil //nolint:nilnil // no rules are no rulebook
	}
	b := &rulebook{rules: *r}
	for _, term := range r.BlockedTerms {
		if t := fold(term); t != "" {
			b.folded = append(b.folded, t)
		}
	}
	if len(b.folded) > 0 {
		b.begins = beginningsOf(b.folded)
		builder := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{MatchKind: ahocorasick.StandardMatch})
		terms := builder.Build(b.folded)
		b.terms = &terms
	}
	var err error
	if b.expressions, err = together(r.BlockedExpressions); err != nil {
		return nil, err
	}
	return b, nil
}

// together makes one expression of many: a text is gone through once, however many there are.
func together(expressions []string) (*regexp.Regexp, error) {
	if len(expressions) == 0 {
		return nil, nil //nolint:nilnil // none is no expression
	}
	var all strings.Builder
	for i, text := range expressions {
		e, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			return nil, fmt.Errorf("speak: blocked_expressions[%d]: %w", i, err)
		}
		unname(e)
		if i > 0 {
			all.WriteByte('|')
		}
		all.WriteString("(?:" + e.String() + ")")
	}
	e, err := regexp.Compile(all.String())
	if err != nil {
		return nil, fmt.Errorf("speak: the blocked expressions together: %w", err)
	}
	return e, nil
}

// unname takes the names from groups: two expressions may use the same.
func unname(e *syntax.Regexp) {
	e.Name = ""
	for _, sub := range e.Sub {
		unname(sub)
	}
}

// bounds says which of the rules forbids it.
func (b *rulebook) bounds(q *Question, role view.Role, now time.Time) Verdict {
	r := &b.rules
	if r.MembersOnly && !q.Member {
		return Verdict{Rule: MembersOnly}
	}
	if r.MinAccountAge > 0 {
		if q.AccountCreated.IsZero() {
			return Verdict{Rule: AccountAge}
		}
		if old := q.AccountCreated.Add(r.MinAccountAge); now.Before(old) {
			return Verdict{Rule: AccountAge, Until: old}
		}
	}
	if r.SlowMode > 0 && role != view.VIP && !q.Last.IsZero() {
		if next := q.Last.Add(r.SlowMode); now.Before(next) {
			return Verdict{Rule: SlowMode, Until: next}
		}
	}
	return Verdict{Rule: b.forbids(q)}
}

// forbids says which of the rules the text breaks.
func (b *rulebook) forbids(q *Question) Rule {
	switch {
	case q.Text == "":
		return Nothing
	case b.rules.EmoteOnly && !q.OnlyEmotes && !onlyEmoji(q.Text):
		return EmoteOnly
	case b.rules.NoLinks && hasLink(q.Text):
		return Links
	case b.blocks(q.Text):
		return BlockedTerms
	}
	return Nothing
}

// blocks reports whether the text holds a blocked term or matches a blocked expression.
func (b *rulebook) blocks(text string) bool {
	return b.terms != nil && b.holdsTerm(fold(text)) || b.expressions != nil && b.expressions.MatchString(text)
}

// holdsTerm reports whether a blocked term stands by itself in a folded text.
func (b *rulebook) holdsTerm(t string) bool {
	if !b.begins.in(t) {
		return false
	}
	// Overlapping, for a term inside a longer word must not hide one that stands by itself.
	for i := b.terms.IterOverlapping(t); ; {
		m := i.Next()
		if m == nil {
			return false
		}
		if standsAlone(t, m.Start(), m.End()) {
			return true
		}
	}
}

// standsAlone reports whether t[from:to] is no part of a longer word. Scripts that write no spaces between words have
// no words to be part of.
func standsAlone(t string, from, to int) bool {
	first, _ := utf8.DecodeRuneInString(t[from:])
	before, _ := utf8.DecodeLastRuneInString(t[:from])
	last, _ := utf8.DecodeLastRuneInString(t[:to])
	behind, _ := utf8.DecodeRuneInString(t[to:])
	return !(inWord(first) && inWord(before)) && !(inWord(last) && inWord(behind))
}

// inWord reports whether a rune is part of a word that spaces or signs end.
func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
	}
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}
