package speak

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	room  ident.RoomID   = 7
	owner ident.AnchorID = 100
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func in(d time.Duration) time.Time { return now.Add(d) }

func until(t time.Time, reason string) *view.Sanction {
	return &view.Sanction{Since: in(-time.Hour), Until: t, Reason: reason}
}

// court makes one that was told of people and rules of the room, and of the platform.
func court(t testing.TB, here, everywhere view.Detail) *Court {
	t.Helper()
	c := New()
	for id, d := range map[ident.RoomID]view.Detail{room: here, ident.Platform: everywhere} {
		if err := c.Tell(id, &d); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func rules(r view.Rules) view.Detail { return view.Detail{Rules: &r} }

func TestWhoMaySpeak(t *testing.T) {
	people := []view.Person{
		{User: 1, Mute: until(in(time.Minute), "spam")},
		{User: 2, Mute: until(in(-time.Second), "over")},
		{User: 3, Mute: &view.Sanction{Session: 5, Reason: "this session"}},
		{User: 4, Ban: until(time.Time{}, "for good"), Mute: until(in(time.Minute), "spam")},
		{User: 5, Role: view.Moderator},
		{User: 6, Role: view.Moderator, RoleUntil: in(-time.Second)},
		{User: 7, Role: view.VIP, RoleUntil: in(time.Hour)},
		{User: 8, Role: view.Moderator, Mute: until(in(time.Minute), "muted all the same")},
		{User: 100, Mute: until(in(time.Minute), "the owner")},
	}
	everywhere := []view.Person{{User: 9, Ban: until(in(time.Hour), "fraud")}, {User: 5, Mute: until(in(time.Hour), "no such thing")}}
	strict := &view.Rules{SlowMode: 30 * time.Second, MembersOnly: true, MinAccountAge: 24 * time.Hour}
	c := court(t, view.Detail{People: people, Rules: strict}, view.Detail{People: everywhere})
	fine := Question{Member: true, AccountCreated: in(-48 * time.Hour), Text: "hello"}
	ask := func(user ident.UserID, change func(*Question)) Question {
		q := fine
		q.User = user
		if change != nil {
			change(&q)
		}
		return q
	}
	stranger := func(q *Question) { q.Member, q.AccountCreated, q.Last = false, in(0), in(-time.Second) }
	for name, tc := range map[string]struct {
		q    Question
		want Verdict
	}{
		"anybody":                          {ask(50, nil), Verdict{}},
		"a muted user":                     {ask(1, nil), Verdict{Mute, in(time.Minute), "spam"}},
		"one whose mute is over":           {ask(2, nil), Verdict{}},
		"one who is muted for the session": {ask(3, nil), Verdict{Mute, time.Time{}, "this session"}},
		"a banned one is told of the ban":  {ask(4, nil), Verdict{Ban, time.Time{}, "for good"}},
		"a moderator by no rule":           {ask(5, stranger), Verdict{}},
		"one who was a moderator":          {ask(6, stranger), Verdict{Rule: MembersOnly}},
		"a VIP need not wait":              {ask(7, func(q *Question) { q.Last = in(-time.Second) }), Verdict{}},
		"a VIP must be a member":           {ask(7, stranger), Verdict{Rule: MembersOnly}},
		"a muted moderator":                {ask(8, nil), Verdict{Mute, in(time.Minute), "muted all the same"}},
		"the owner":                        {ask(100, stranger), Verdict{}},
		"one who is banned everywhere":     {ask(9, nil), Verdict{PlatformBan, in(time.Hour), "fraud"}},
		"no member":                        {ask(50, func(q *Question) { q.Member = false }), Verdict{Rule: MembersOnly}},
		"a young account":                  {ask(50, func(q *Question) { q.AccountCreated = in(-time.Hour) }), Verdict{Rule: AccountAge, Until: in(23 * time.Hour)}},
		"an account of unknown age":        {ask(50, func(q *Question) { q.AccountCreated = time.Time{} }), Verdict{Rule: AccountAge}},
		"one who spoke just now":           {ask(50, func(q *Question) { q.Last = in(-10 * time.Second) }), Verdict{Rule: SlowMode, Until: in(20 * time.Second)}},
		"one who has waited":               {ask(50, func(q *Question) { q.Last = in(-30 * time.Second) }), Verdict{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.Check(room, owner, &tc.q, now); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
	elsewhere := ask(1, nil)
	if got := c.Check(8, owner, &elsewhere, now); !got.Allowed() {
		t.Errorf("muted in another room: %+v", got)
	}
	banned := ask(9, nil)
	if got := c.Check(8, 9, &banned, now); got.Rule != PlatformBan {
		t.Errorf("the platform's ban does not hold for an owner: %+v", got)
	}
}

func TestWhatMayBeSaid(t *testing.T) {
	words := rules(view.Rules{BlockedTerms: []string{"ass", "Buy Now", "ﬁlth", "傻瓜", "straße"}, BlockedExpressions: []string{`(?i)free\s+(?P<what>coins)`, `(?P<what>\d{12})`}})
	links, emotes := rules(view.Rules{NoLinks: true}), rules(view.Rules{EmoteOnly: true})
	for _, tc := range []struct {
		here view.Detail
		text string
		want Rule
	}{
		{words, "a fine day", Nothing},
		{words, "you ass!", BlockedTerms},
		{words, "first class", Nothing},
		{words, "class ass", BlockedTerms},
		{words, "ＡＳＳ", BlockedTerms},
		{words, "a\u200bss", BlockedTerms},
		{words, "ass1", Nothing},
		{words, "BUY NOW", BlockedTerms},
		{words, "buy nowhere", Nothing},
		{words, "filth", BlockedTerms},
		{words, "你是傻瓜吗", BlockedTerms},
		{words, "STRASSE", Nothing}, // folding is letter by letter
		{words, "Straße 5", BlockedTerms},
		{words, "FREE   coins", BlockedTerms},
		{words, "call 123456789012", BlockedTerms},
		{words, "call 12345678901", Nothing},
		{words, "", Nothing},
		{links, "see https://a", Links},
		{links, "see example.com", Links},
		{links, "see EXAMPLE.co.uk/x?y", Links},
		{links, "me.github.io", Links},
		{links, "ｅxample．com", Links},
		{links, "3.14 is pi", Nothing},
		{links, "well... no", Nothing},
		{links, "end. Next", Nothing},
		{links, "com", Nothing},
		{emotes, "hello", EmoteOnly},
		{emotes, "👍🏽 👨‍👩‍👧 🇩🇪", Nothing},
		{emotes, "👍 ok", EmoteOnly},
		{emotes, " ", EmoteOnly},
		{emotes, "", Nothing},
	} {
		for where, c := range map[string]*Court{"in the room": court(t, tc.here, view.Detail{}), "everywhere": court(t, view.Detail{}, tc.here)} {
			if got := c.Check(room, owner, &Question{User: 50, Text: tc.text}, now); got.Rule != tc.want {
				t.Errorf("%q %s: %q, want %q", tc.text, where, got.Rule, tc.want)
			}
		}
	}
	c := court(t, emotes, view.Detail{})
	if got := c.Check(room, owner, &Question{User: 50, Text: ":cat:", OnlyEmotes: true}, now); !got.Allowed() {
		t.Errorf("the platform's own emotes: %+v", got)
	}
}

// What is told replaces what was told of the same user or room, and nothing else.
func TestWhatIsToldLastHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, truth := New(), map[whom]view.Person{}
		for range rapid.IntRange(0, 40).Draw(t, "events") {
			w := whom{ident.RoomID(rapid.IntRange(0, 2).Draw(t, "room")), ident.UserID(rapid.IntRange(1, 4).Draw(t, "user"))}
			p := view.Person{User: w.user, Role: rapid.SampledFrom([]view.Role{view.Viewer, view.VIP, view.Moderator}).Draw(t, "role")}
			if rapid.Bool().Draw(t, "muted") {
				p.Mute = until(in(time.Duration(rapid.IntRange(-5, 5).Draw(t, "until"))*time.Second), "m")
			}
			if rapid.Bool().Draw(t, "banned") {
				p.Ban = until(time.Time{}, "b")
			}
			if err := c.Tell(w.room, &view.Detail{People: []view.Person{p}}); err != nil {
				t.Fatal(err)
			}
			truth[w] = p
		}
		entries := 0
		for w, p := range truth {
			if !p.Plain() {
				entries++
			}
			e := c.people.find(w.room, w.user)
			mutes := p.Mute != nil && p.Mute.Until.After(now)
			if e.mutes(now) != mutes || e.bans(now) != (p.Ban != nil) || e.role(now) != p.Role {
				t.Fatalf("%+v: %+v", p, e)
			}
		}
		if n, _ := c.Size(); n != entries {
			t.Fatalf("%d entries, want %d", n, entries)
		}
	})
}

func TestRulesThatCannotBeUsed(t *testing.T) {
	c := court(t, rules(view.Rules{EmoteOnly: true}), view.Detail{})
	d := view.Detail{People: []view.Person{{User: 1, Ban: until(time.Time{}, "")}}, Rules: &view.Rules{BlockedExpressions: []string{"fine", "("}}}
	if err := c.Tell(room, &d); err == nil || !strings.Contains(err.Error(), "blocked_expressions[1]") {
		t.Errorf("%v", err)
	}
	if got := c.Check(room, owner, &Question{User: 1}, now); got.Rule != Ban {
		t.Errorf("the people beside them are lost: %+v", got)
	}
	if got := c.Check(room, owner, &Question{User: 2, Text: "hi"}, now); got.Rule != EmoteOnly {
		t.Errorf("the rules before are lost: %+v", got)
	}
	none := rules(view.Rules{})
	if err := c.Tell(room, &none); err != nil {
		t.Fatal(err)
	}
	if _, n := c.Size(); n != 0 {
		t.Errorf("%d rulebooks for rules that forbid nothing", n)
	}
	c.Forget()
	if n, _ := c.Size(); n != 0 || !c.Check(room, owner, &Question{User: 1}, now).Allowed() {
		t.Error("what was forgotten is there")
	}
}

func TestReasonsAreBounded(t *testing.T) {
	c := New()
	for i := range maxReasons + 10 {
		c.people.put(room, &view.Person{User: ident.UserID(i + 1), Ban: until(time.Time{}, fmt.Sprint("reason ", i))})
	}
	if got := c.Check(room, owner, &Question{User: 1}, now); got.Reason != "reason 0" {
		t.Errorf("%+v", got)
	}
	if got := c.Check(room, owner, &Question{User: maxReasons + 10}, now); got.Rule != Ban || got.Reason != "" {
		t.Errorf("%+v", got)
	}
}

// Questions and news may meet; the race detector looks on.
func TestQuestionsBesideNews(t *testing.T) {
	c := New()
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 500 {
				user := ident.UserID(i % 50)
				if g == 0 {
					d := view.Detail{People: []view.Person{{User: user, Mute: until(in(time.Hour), fmt.Sprint(i))}}, Rules: &view.Rules{BlockedTerms: []string{"term", fmt.Sprint("t", i)}}}
					if err := c.Tell(room, &d); err != nil {
						t.Error(err)
					}
					continue
				}
				if v := c.Check(room, owner, &Question{User: user, Text: "a term"}, now); v.Allowed() && i == 499 {
					t.Log("nothing was told yet")
				}
			}
		})
	}
	all.Wait()
	if v := c.Check(room, owner, &Question{User: 60, Text: "a term"}, now); v.Rule != BlockedTerms {
		t.Errorf("%+v", v)
	}
}

func FuzzText(f *testing.F) {
	c := court(f, rules(view.Rules{NoLinks: true, BlockedTerms: []string{"term", "ﬁ", "傻"}, BlockedExpressions: []string{"x+y"}}), view.Detail{})
	f.Add("a term")
	f.Add("\xff\u200bterm.com。")
	f.Fuzz(func(t *testing.T, text string) {
		v := c.Check(room, owner, &Question{User: 1, Text: text}, now)
		if strings.Contains(text, "://") && v.Rule != Links {
			t.Errorf("%q: %+v", text, v)
		}
	})
}

// BenchmarkMemory tells what a mute and a term weigh.
func BenchmarkMemory(b *testing.B) {
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		const mutes, terms = 1_000_000, 5000
		before, c := heap(), New()
		for i := range mutes {
			c.people.put(room, &view.Person{User: ident.UserID(i + 1), Mute: until(in(time.Hour), "spam")})
		}
		told := heap()
		words := make([]string, terms)
		for i := range words {
			words[i] = fmt.Sprintf("blocked %d term %x", i, i*7919)
		}
		d := rules(view.Rules{BlockedTerms: words})
		if err := c.Tell(room, &d); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((told-before)/mutes, "B/mute")
		b.ReportMetric((heap()-told)/terms, "B/term")
		runtime.KeepAlive(c)
	}
}

// A question in a room with 100,000 mutes, among a million.
func BenchmarkCheck(b *testing.B) {
	c := New()
	for i := range 1_000_000 {
		r := room
		if i >= 100_000 {
			r = ident.RoomID(i)
		}
		c.people.put(r, &view.Person{User: ident.UserID(i + 1), Mute: until(in(time.Hour), "spam")})
	}
	terms := make([]string, 500)
	for i := range terms {
		terms[i] = fmt.Sprintf("%xblocked", i*7919) // words begin alike in no list that people make
	}
	worded := rules(view.Rules{BlockedTerms: terms, SlowMode: time.Second})
	if err := c.Tell(8, &worded); err != nil {
		b.Fatal(err)
	}
	text := "what a game, who would have thought that they win"
	for _, bc := range []struct {
		name string
		room ident.RoomID
		q    Question
	}{
		{"muted", room, Question{User: 77}},
		{"free", room, Question{User: 5_000_000}},
		{"text, 500 terms", 8, Question{User: 5_000_000, Text: text}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Check(bc.room, owner, &bc.q, now)
			}
		})
	}
}
