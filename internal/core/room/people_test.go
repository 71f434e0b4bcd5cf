package room_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const anchor ident.UserID = 7 // of newRoom

// crowd is a room without people.
func crowd(t *testing.T) (*room.Room, *room.People) {
	t.Helper()
	r := newRoom(t)
	return r, room.PeopleIn(r, nil)
}

func users(ids ...ident.UserID) []ident.UserID { return ids }

// words are what became of each user: done, already, or the code of the refusal.
func words(out []room.Outcome) string {
	all := make([]string, 0, len(out))
	for _, o := range out {
		switch {
		case o.Code != "":
			all = append(all, o.Code)
		case o.Already:
			all = append(all, "already")
		default:
			all = append(all, "done")
		}
	}
	return strings.Join(all, " ")
}

func wantWords(t *testing.T, out []room.Outcome, err error, want string) {
	t.Helper()
	if got := words(out); err != nil || got != want {
		t.Errorf("became of them: %s (%v), want %s", got, err, want)
	}
}

func TestOneCommandIsOneStep(t *testing.T) {
	r, p := crowd(t)
	before := r.Version
	out, err := p.Sanction(at(start), room.ByOwner, room.Mute, users(3, 1, anchor, 2), room.Term{Reason: "a raid", Note: "seen", For: time.Hour})
	wantWords(t, out, err, "done done USER_PROTECTED done")
	e := r.Events()[len(r.Events())-1]
	if r.Version != before+1 || e.Type != event.ViewerMuted || len(e.Detail.People) != 3 || e.Intact() != nil || len(e.Changed) != 0 {
		t.Errorf("the step is %+v: %v", e, e.Intact())
	}
	for _, x := range e.Detail.People {
		if !x.Mute.Until.Equal(start.Add(time.Hour)) || x.Mute.Reason != "a raid" {
			t.Errorf("muted: %+v", x.Mute)
		}
	}
	if c := p.Changed(); len(c) != 3 || c[0].User != 1 || c[0].Version != r.Version || c[0].Muted != (room.Hand{Actor: "staff:1", Note: "seen"}) {
		t.Errorf("changed: %+v", c)
	}
	if e.Snapshot.Version != e.Version || len(r.Columns()) != len(newRoom(t).Columns()) {
		t.Errorf("the card moved: %v", r.Columns())
	}
}

func TestASanctionAgainMovesItsEnd(t *testing.T) {
	r, p := crowd(t)
	again := func(now time.Time, term room.Term, want string) view.Sanction {
		t.Helper()
		out, err := p.Sanction(at(now), room.ByOwner, room.Mute, users(1), term)
		wantWords(t, out, err, want)
		return *p.Changed()[0].Mute
	}
	hour := start.Add(time.Hour)
	again(start, room.Term{Until: hour}, "done")
	again(start, room.Term{Until: hour}, "already")
	if s := again(start.Add(time.Minute), room.Term{Until: hour.Add(1)}, "done"); !s.Since.Equal(start) || !s.Until.Equal(hour.Add(1)) {
		t.Errorf("moved: %+v", s)
	}
	if s := again(start, room.Term{}, "done"); !s.Until.IsZero() {
		t.Errorf("for good: %+v", s)
	}
	first := r.Events()[1].Detail.People[0].Mute // what an event said stays said
	if !first.Until.Equal(hour) || r.Events()[1].Intact() != nil {
		t.Errorf("the first event says %+v now", first)
	}
	out, err := p.Lift(at(start), room.Mute, users(1, 2), "")
	wantWords(t, out, err, "done already")
	if x := p.Changed()[0]; !x.Plain() || x.Muted != (room.Hand{}) {
		t.Errorf("lifted: %+v", x)
	}
}

func TestWhoMayTouchWhom(t *testing.T) {
	_, p := crowd(t)
	out, err := p.Grant(at(start), view.Moderator, users(1, 2, anchor), time.Time{})
	wantWords(t, out, err, "done done USER_PROTECTED")
	out, err = p.Sanction(at(start), room.ByModerator, room.Mute, users(1, 9, anchor), room.Term{})
	wantWords(t, out, err, "USER_PROTECTED done USER_PROTECTED")
	out, err = p.Sanction(at(start), room.ByOwner, room.Ban, users(1), room.Term{})
	wantWords(t, out, err, "done")
	if x := p.Changed()[0]; x.Role != view.Viewer || x.Ban == nil {
		t.Errorf("a banned moderator: %+v", x)
	}
	out, err = p.Grant(at(start), view.VIP, users(1, 2), time.Time{})
	wantWords(t, out, err, "USER_BANNED done")
	out, err = p.Revoke(at(start), users(2, 3))
	wantWords(t, out, err, "done already")
	out, err = p.Sanction(at(start), room.ByStaff, room.Ban, users(anchor), room.Term{})
	wantWords(t, out, err, "USER_PROTECTED")
}

func TestWhatIsOverEnds(t *testing.T) {
	r, p := crowd(t)
	hour := start.Add(time.Hour)
	mustDo(t, r.GoLive(at(start), room.Publisher{MediaServer: room.NginxRTMP, ClientID: "1"}, 5, room.Terms{Lease: time.Second, Grace: time.Second}))
	for _, step := range []func() ([]room.Outcome, error){
		func() ([]room.Outcome, error) {
			return p.Sanction(at(start), room.ByOwner, room.Mute, users(1), room.Term{Until: hour})
		},
		func() ([]room.Outcome, error) {
			return p.Sanction(at(start), room.ByOwner, room.Mute, users(2), room.Term{Session: true})
		},
		func() ([]room.Outcome, error) {
			return p.Sanction(at(start), room.ByOwner, room.Ban, users(3), room.Term{Until: hour})
		},
		func() ([]room.Outcome, error) { return p.Grant(at(start), view.VIP, users(1, 4), hour) },
		func() ([]room.Outcome, error) {
			return p.Sanction(at(start), room.ByOwner, room.Mute, users(5), room.Term{})
		},
	} {
		_, err := step()
		mustDo(t, err)
	}
	n := len(r.Events())
	mustDo(t, p.Expire(at(hour.Add(-1))))
	if len(r.Events()) != n {
		t.Errorf("too early: %s", r.Events()[n].Type)
	}
	r.Stop(at(start))
	n = len(r.Events())
	mustDo(t, p.Expire(at(hour)))
	got := []string{}
	for _, e := range r.Events()[n:] {
		got = append(got, string(e.Type)+" "+e.Reason)
		if e.Intact() != nil {
			t.Error(e.Intact())
		}
	}
	if want := []string{"ViewerUnmuted EXPIRED", "ViewerUnbanned EXPIRED", "RoleRevoked EXPIRED"}; !slices.Equal(got, want) {
		t.Errorf("at the hour: %v, want %v", got, want)
	}
	for _, x := range p.Changed() {
		if x.Plain() != (x.User != 5) {
			t.Errorf("after all: %+v", x)
		}
	}
}

func TestPeopleAreNamedWithinBounds(t *testing.T) {
	r, p := crowd(t)
	many := make([]ident.UserID, room.MaxNamed+1)
	for i := range many {
		many[i] = ident.UserID(i + 100)
	}
	mute := func(term room.Term, named ...ident.UserID) error {
		_, err := p.Sanction(at(start), room.ByOwner, room.Mute, named, term)
		return err
	}
	mustDo(t, mute(room.Term{Reason: strings.Repeat("人", room.MaxSanctionReason)}, many[1:]...))
	for _, named := range [][]ident.UserID{nil, many, {0}, {-1}, {5, 5}} {
		wantField(t, mute(room.Term{}, named...), "user_ids")
	}
	wantField(t, mute(room.Term{Reason: strings.Repeat("a", room.MaxSanctionReason+1)}, 1), "reason")
	wantField(t, mute(room.Term{Note: "a\nb"}, 1), "note")
	wantField(t, mute(room.Term{Until: start}, 1), "until")
	wantField(t, mute(room.Term{Until: start.Add(1), For: 1}, 1), "until")
	wantField(t, mute(room.Term{Session: true}, 1), "this_session")
	_, err := p.Grant(at(start), view.Viewer, users(1), time.Time{})
	wantField(t, err, "role")
	if len(r.Events()) != 2 {
		t.Errorf("%d events: what was refused left one", len(r.Events()))
	}
}

func TestRulesAreOneDocument(t *testing.T) {
	r := newRoom(t)
	d := &room.Rules{}
	mustDo(t, d.Set(at(start), r, view.Rules{BlockedTerms: []string{" b  c ", "a", "b c"}, NoLinks: true}))
	e := r.Events()[len(r.Events())-1]
	if !slices.Equal(d.BlockedTerms, []string{"a", "b c"}) || d.Version != r.Version || e.Type != event.RulesChanged || !e.Detail.Rules.NoLinks || e.Intact() != nil {
		t.Errorf("set: %+v by %+v", d, e)
	}
	mustDo(t, d.Set(at(start), r, view.Rules{BlockedTerms: []string{"a", "b c", "a"}, NoLinks: true}))
	if r.Version != d.Version || len(r.Events()) != 2 {
		t.Error("what says the same is an event")
	}
	platform := &room.AreaTree{}
	many := make([]string, room.MaxTerms+1)
	for i := range many {
		many[i] = "term" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
	}
	mustDo(t, (&room.Rules{}).Set(at(start), platform, view.Rules{BlockedTerms: many}))
	if e := platform.Events()[0]; e.RoomID != ident.Platform || e.Detail.Rules == nil || platform.Rearranged() {
		t.Errorf("of the platform: %+v", e)
	}
	for field, bad := range map[string]view.Rules{
		"rules.slow_mode_seconds":       {SlowMode: room.MaxSlowMode + time.Second},
		"rules.min_account_age_seconds": {MinAccountAge: -1},
		"rules.blocked_terms":           {BlockedTerms: many},
		"rules.blocked_expressions[1]":  {BlockedExpressions: []string{"a", "(b"}},
		"rules.blocked_expressions[0]":  {BlockedExpressions: []string{"a*"}},
		"rules.blocked_expressions":     {BlockedExpressions: make([]string, room.MaxExpressions+1)},
	} {
		wantField(t, d.Set(at(start), r, bad), field)
	}
	for _, bad := range []string{strings.Repeat("a", room.MaxExpression+1), "(a{9}){99}{9}", `(?=a)`, "a\x00"} {
		wantField(t, d.Set(at(start), r, view.Rules{BlockedExpressions: []string{bad}}), "rules.blocked_expressions[0]")
	}
	for _, bad := range []string{"", strings.Repeat("人", room.MaxTerm+1), "a\u202eb"} {
		wantField(t, d.Set(at(start), r, view.Rules{BlockedTerms: []string{bad}}), "rules.blocked_terms")
	}
	if errors.Is(d.Set(at(start), r, view.Rules{}), fault.InvalidArgument) {
		t.Error("empty rules are rules")
	}
}
