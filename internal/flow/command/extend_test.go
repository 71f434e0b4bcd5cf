package command_test

import (
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func TestABadgesWindowOpensAndClosesByItself(t *testing.T) {
	w := newWorld(t)
	extend, id := command.NewExtend(w.anchor), w.create(room.Reject)
	from := w.clock().Add(time.Hour)
	r, err := extend.GrantBadge(w.ctx(), ops, id, "charity", from, from.Add(time.Hour))
	if must(w, r, err); len(r.Card().Extension.Badges) != 0 {
		t.Errorf("ahead of its time: %v", r.Card().Extension.Badges)
	}
	lifts := command.NewLifts(w.anchor, nil)
	for _, moment := range []struct {
		passes time.Duration
		shown  []string
	}{{time.Hour - time.Millisecond, nil}, {time.Millisecond, []string{"charity"}}, {time.Hour, nil}, {time.Hour, nil}} {
		w.pass(moment.passes)
		if err := lifts.Sweep(w.ctx()); err != nil {
			t.Fatal(err)
		}
		if got := w.room(id).Card().Extension.Badges; !slices.Equal(got, moment.shown) {
			t.Errorf("at %s: %v, want %v", w.clock(), got, moment.shown)
		}
	}
	want := []event.Type{event.RoomCreated, event.BadgesChanged, event.BadgesChanged, event.BadgesChanged}
	if got := w.types(id); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestWhoMayExtend(t *testing.T) {
	w := newWorld(t)
	extend, id := command.NewExtend(w.anchor), w.create(room.Reject)
	stranger := command.Meta{Caller: command.Caller{Subject: "anchor:8", Anchor: 8, Scopes: []command.Scope{command.ScopeAnchor}}}
	for _, c := range []struct {
		who  command.Meta
		text *fault.Code
		mark *fault.Code
	}{{owner, nil, fault.PermissionDenied}, {ops, nil, nil}, {stranger, fault.PermissionDenied, fault.PermissionDenied}} {
		_, announced := extend.Announce(w.ctx(), c.who, id, "soon")
		_, pinned := extend.Pin(w.ctx(), c.who, id, "be kind")
		_, granted := extend.GrantBadge(w.ctx(), c.who, id, "verified", time.Time{}, time.Time{})
		_, revoked := extend.RevokeBadge(w.ctx(), c.who, id, "verified")
		_, read := extend.Get(w.ctx(), c.who, id)
		for _, got := range []struct {
			err  error
			want *fault.Code
		}{{announced, c.text}, {pinned, c.text}, {read, c.text}, {granted, c.mark}, {revoked, c.mark}} {
			if got.want != nil {
				w.want(got.err, got.want)
			} else if got.err != nil {
				t.Errorf("%s: %v", c.who.Caller.Subject, got.err)
			}
		}
	}
}

func TestAnAnnouncementThatRacedIsRefusedAndOneRepeatedHappensOnce(t *testing.T) {
	w := newWorld(t)
	extend, id := command.NewExtend(w.anchor), w.create(room.Reject)
	raced := owner
	raced.IfMatch = 7
	_, err := extend.Announce(w.ctx(), raced, id, "late")
	w.want(err, fault.VersionConflict)

	named := owner
	named.IdempotencyKey = "once"
	first, err := extend.Announce(w.ctx(), named, id, "soon")
	must(w, first, err)
	_, err = extend.Announce(w.ctx(), owner, id, "now")
	must(w, first, err)
	again, err := extend.Announce(w.ctx(), named, id, "soon")
	if must(w, again, err); again.Version != first.Version || again.Extension.Announcement != "soon" {
		t.Errorf("the first answer again: version %s, %+v", again.Version, again.Extension)
	}
	if now := w.room(id).Extension.Announcement; now != "now" {
		t.Errorf("the repeat happened: %q", now)
	}
}
