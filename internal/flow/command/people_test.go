package command_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// moderator is user 50, with a moderator's token; whether it moderates a room is in the room.
var moderator = command.Meta{Caller: command.Caller{Subject: "user:50", Anchor: 50, Scopes: []command.Scope{command.ScopeModerator, command.ScopeAnchor}}}

func named(id ident.RoomID, users ...ident.UserID) command.Named {
	return command.Named{Place: id, Users: users}
}

func TestWhoMayDoWhatToPeople(t *testing.T) {
	w := newWorld(t)
	people, id, other := command.NewPeople(w.anchor), w.create(room.Reject), w.create(room.Reject)
	mute := func(m command.Meta, n command.Named) error {
		_, err := people.Sanction(w.ctx(), m, n, room.Mute, room.Term{})
		return err
	}
	grant := func(m command.Meta, n command.Named, role view.Role) error {
		_, err := people.Grant(w.ctx(), m, n, role, time.Time{}, time.Hour)
		return err
	}
	w.want(mute(moderator, named(id, 9)), fault.PermissionDenied)
	w.want(grant(media, named(id, 9), view.VIP), fault.PermissionDenied)
	for _, allowed := range []error{grant(owner, named(id, 50), view.Moderator), mute(moderator, named(id, 9)), mute(ops, named(id, 10))} {
		if allowed != nil {
			t.Error(allowed)
		}
	}
	w.want(mute(moderator, named(other, 9)), fault.PermissionDenied)
	w.want(grant(moderator, named(id, 9), view.VIP), fault.PermissionDenied)
	_, err := people.Revoke(w.ctx(), moderator, named(id, 50))
	w.want(err, fault.PermissionDenied)
	scopeless := moderator
	scopeless.Caller.Scopes = []command.Scope{command.ScopeAnchor}
	w.want(mute(scopeless, named(id, 9)), fault.PermissionDenied)
	w.want(mute(owner, named(ident.Platform, 9)), fault.PermissionDenied)
	w.want(mute(ops, named(1, 9)), fault.RoomNotFound)

	out, err := people.Sanction(w.ctx(), ops, named(ident.Platform, 9), room.Ban, room.Term{Reason: "fraud", Note: "case 7"})
	if must(w, out, err); out.Outcomes[0].Already || out.Version == 0 {
		t.Errorf("banned from the platform: %+v", out)
	}
	w.pass(time.Hour) // the role is over, whether or not somebody swept yet
	w.want(mute(moderator, named(id, 11)), fault.PermissionDenied)
}

func TestNotesAreForStaff(t *testing.T) {
	w := newWorld(t)
	people, id := command.NewPeople(w.anchor), w.create(room.Reject)
	_, err := people.Sanction(w.ctx(), ops, named(id, 9), room.Mute, room.Term{Note: "case 7"})
	must(w, 0, err)
	for meta, note := range map[*command.Meta]string{&ops: "case 7", &owner: ""} {
		x, err := people.Get(w.ctx(), *meta, id, 9)
		if must(w, x, err).Muted.Note != note || x.Muted.Actor != "ops" {
			t.Errorf("%s reads %+v", meta.Caller.Subject, x.Muted)
		}
		list, err := people.List(w.ctx(), *meta, id, room.Muted, 0, 10)
		if must(w, list, err); len(list) != 1 || list[0].Muted.Note != note {
			t.Errorf("%s lists %+v", meta.Caller.Subject, list)
		}
	}
}

func TestPeopleAreForeseenRememberedAndConditional(t *testing.T) {
	w := newWorld(t)
	people, id := command.NewPeople(w.anchor), w.create(room.Reject)
	dry := named(id, 9, 7)
	dry.DryRun = true
	out, err := people.Sanction(w.ctx(), owner, dry, room.Ban, room.Term{})
	if must(w, out, err); out.Version != 1 || out.Outcomes[1].Code != fault.UserProtected.Name || len(w.types(id)) != 1 {
		t.Errorf("a dry run: %+v", out)
	}
	meta := owner
	meta.IdempotencyKey = "k"
	first, err := people.Sanction(w.ctx(), meta, named(id, 9, 7), room.Ban, room.Term{For: time.Hour})
	must(w, first, err)
	w.pass(time.Minute)
	again, err := people.Sanction(w.ctx(), meta, named(id, 9, 7), room.Ban, room.Term{For: time.Hour})
	if must(w, again, err); again.Version != 2 || !slices.Equal(again.Outcomes, first.Outcomes) {
		t.Errorf("again: %+v, first: %+v", again, first)
	}
	_, err = people.Sanction(w.ctx(), meta, named(id, 10), room.Ban, room.Term{For: time.Hour})
	w.want(err, fault.IdempotencyConflict)
	stale := owner
	stale.IfMatch = 1
	_, err = people.Lift(w.ctx(), stale, named(id, 9), room.Ban, "")
	w.want(err, fault.VersionConflict)
	many := make([]ident.UserID, 5000)
	_, err = people.Revoke(w.ctx(), owner, named(id, many...))
	w.want(err, fault.InvalidArgument)
}

func TestWhatIsOverForPeopleEndsByItself(t *testing.T) {
	w := newWorld(t)
	people, id := command.NewPeople(w.anchor), w.create(room.Reject)
	lifts := command.NewLifts(w.anchor, slog.New(slog.DiscardHandler))
	sweep := func(want ...event.Type) {
		t.Helper()
		before := len(w.types(id))
		if err := lifts.Sweep(w.ctx()); err != nil {
			t.Fatal(err)
		}
		if got := w.types(id)[before:]; !slices.Equal(got, want) {
			t.Errorf("the sweep made %v, want %v", got, want)
		}
	}
	_, err := w.anchor.StartRoom(w.ctx(), owner, id)
	must(w, 0, err)
	for user, term := range map[ident.UserID]room.Term{1: {For: time.Hour}, 2: {For: time.Hour}, 3: {Session: true}, 4: {}} {
		_, err := people.Sanction(w.ctx(), owner, named(id, user), room.Mute, term)
		must(w, 0, err)
	}
	_, err = people.Sanction(w.ctx(), ops, named(ident.Platform, 9), room.Ban, room.Term{For: time.Hour})
	must(w, 0, err)
	sweep()
	w.pass(time.Hour)
	sweep(event.ViewerUnmuted) // one event for both
	if got := w.types(ident.Platform); !slices.Equal(got, []event.Type{event.ViewerBanned, event.ViewerUnbanned}) {
		t.Errorf("of the platform: %v", got)
	}
	_, err = w.anchor.StopRoom(w.ctx(), owner, id)
	must(w, 0, err)
	sweep(event.ViewerUnmuted)
	sweep()
	list, err := people.List(w.ctx(), owner, id, room.Everybody, 0, 10)
	if must(w, list, err); len(list) != 1 || list[0].User != 4 {
		t.Errorf("left: %+v", list)
	}
}

func TestRulesAreConditional(t *testing.T) {
	w := newWorld(t)
	rules, id := command.NewRules(w.anchor), w.create(room.Reject)
	d, err := rules.Set(w.ctx(), owner, id, view.Rules{SlowMode: time.Minute, BlockedTerms: []string{"spam"}})
	if must(w, d, err).Version != 2 {
		t.Errorf("set: %+v", d)
	}
	_, err = w.anchor.StartRoom(w.ctx(), owner, id) // the room moves on, the document does not
	must(w, 0, err)
	seen := owner
	seen.IfMatch = 2
	d, err = rules.Patch(w.ctx(), seen, id, room.RulesPatch{NoLinks: new(true)})
	if must(w, d, err); d.Version != 4 || !d.NoLinks || d.SlowMode != time.Minute {
		t.Errorf("patched: %+v", d)
	}
	_, err = rules.Patch(w.ctx(), seen, id, room.RulesPatch{NoLinks: new(false)})
	w.want(err, fault.VersionConflict)
	d, err = rules.ChangeTerms(w.ctx(), owner, id, []string{"ham", " eggs "}, []string{"spam"})
	if must(w, d, err); !slices.Equal(d.BlockedTerms, []string{"eggs", "ham"}) {
		t.Errorf("terms: %q", d.BlockedTerms)
	}
	meta := owner
	meta.IdempotencyKey = "k"
	for range 2 {
		d, err = rules.ChangeTerms(w.ctx(), meta, id, []string{"more"}, nil)
		if must(w, d, err); d.Version != 6 || len(d.BlockedTerms) != 3 {
			t.Errorf("remembered: %+v", d)
		}
	}
	_, err = rules.Set(w.ctx(), moderator, id, view.Rules{})
	w.want(err, fault.PermissionDenied)
	_, err = rules.Set(w.ctx(), owner, ident.Platform, view.Rules{})
	w.want(err, fault.PermissionDenied)
	d, err = rules.Set(w.ctx(), ops, ident.Platform, view.Rules{EmoteOnly: true})
	if must(w, d, err).Version == 0 {
		t.Errorf("of the platform: %+v", d)
	}
	got, err := rules.Get(w.ctx(), ops, ident.Platform)
	if must(w, got, err); !got.EmoteOnly {
		t.Errorf("of the platform: %+v", got)
	}
}
