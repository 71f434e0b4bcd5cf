package proof

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Rule names what an answer broke.
type Rule string

// The rules; doc.go says each in full.
const (
	NewerThanB       Rule = "newer than B"
	OlderThanSeen    Rule = "older than the connection has seen"
	OlderThanAsked   Rule = "older than asked for"
	OlderThanItSays  Rule = "older than its age says"
	Torn             Rule = "torn: the card is not its version's"
	HeadersDisagree  Rule = "headers and card disagree"
	NotAsAsked       Rule = "rooms left out, repeated or out of order"
	Unreadable       Rule = "unreadable"
	CrawlRepeats     Rule = "a crawl repeats a room"
	CrawlMoves       Rule = "a crawl moves to another snapshot"
	CrawlCount       Rule = "a crawl is not as long as it announced"
	CrawlLacks       Rule = "a crawl lacks a room that was on air"
	CrawlHasOff      Rule = "a crawl has a room that was off air"
	AcknowledgedGaps Rule = "B skipped a version"
)

// Violation is one answer that broke a rule.
type Violation struct {
	Rule Rule
	// Reader is which connection, by what it does and its number.
	Reader string
	Room   int64
	// Got and Want are versions, positions or counts, as the rule says.
	Got, Want int64
	Detail    string
}

func (v Violation) String() string {
	s := fmt.Sprintf("%s: %s: room %d, got %d, want %d", v.Reader, v.Rule, v.Room, v.Got, v.Want)
	if v.Detail != "" {
		s += ": " + v.Detail
	}
	return s
}

// told is how many violations are kept and told in full.
const told = 10

// detailBytes is how much of an answer a violation shows.
const detailBytes = 600

// Report counts what was read and what was wrong. Safe for concurrent use.
type Report struct {
	// Answers are whole answers, Rooms the rooms in them: each card, each id of a list of ids, and each 304,
	// which is one room's version. Unproven are answers that say that they cannot say: NOT_YET_VISIBLE.
	Answers, Rooms, Unproven atomic.Int64
	Commands, Crawls         atomic.Int64

	violations atomic.Int64
	mu         sync.Mutex
	byRule     map[Rule]int64
	first      []Violation
	out        io.Writer
}

// NewReport tells the first violations to out as they come.
func NewReport(out io.Writer) *Report { return &Report{byRule: map[Rule]int64{}, out: out} }

func (r *Report) add(v Violation) {
	r.violations.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byRule[v.Rule]++
	if len(r.first) < told {
		if len(v.Detail) > detailBytes {
			v.Detail = v.Detail[:detailBytes] + "…"
		}
		r.first = append(r.first, v)
		_, _ = fmt.Fprintln(r.out, "VIOLATION", v) // the count is kept, whoever reads it or not
	}
}

// Violations is how many there were.
func (r *Report) Violations() int64 { return r.violations.Load() }

// First are the first violations.
func (r *Report) First() []Violation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.first)
}

// ByRule tells the violations of each rule, "" when there are none.
func (r *Report) ByRule() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var parts []string
	for _, rule := range slices.Sorted(maps.Keys(r.byRule)) {
		parts = append(parts, fmt.Sprintf("%s: %d", rule, r.byRule[rule]))
	}
	return strings.Join(parts, "; ")
}
