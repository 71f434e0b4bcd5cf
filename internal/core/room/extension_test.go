package room_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

func wantField(t *testing.T, err error, field string) {
	t.Helper()
	if !errors.Is(err, fault.InvalidArgument) || fault.Of(err).Details["field"] != field {
		t.Errorf("got %v, want INVALID_ARGUMENT of %s", err, field)
	}
}

func TestTextsAreBoundedAndPlain(t *testing.T) {
	r := newRoom(t)
	mustDo(t, r.Announce(at(start), strings.Repeat("人", room.MaxAnnouncement)))
	mustDo(t, r.Pin(at(start), strings.Repeat("人", room.MaxPinned)))
	wantField(t, r.Announce(at(start), strings.Repeat("a", room.MaxAnnouncement+1)), "announcement")
	wantField(t, r.Pin(at(start), strings.Repeat("a", room.MaxPinned+1)), "pinned")
	for _, words := range []string{"a\nb", "a\u202eb", "a\x00", "\xff"} {
		wantField(t, r.Announce(at(start), words), "announcement")
		wantField(t, r.Pin(at(start), words), "pinned")
	}
	events := len(r.Events())
	mustDo(t, r.Pin(at(start), r.Extension.Pinned))
	if len(r.Events()) != events {
		t.Error("what changes nothing is an event")
	}
	mustDo(t, r.Announce(at(start), ""))
	e := r.Events()[events]
	if e.Type != event.AnnouncementChanged || !slices.Equal(e.Changed, []string{"extension.announcement"}) || e.Snapshot.Extension.Announcement != "" {
		t.Errorf("taken down: %s of %v", e.Type, e.Changed)
	}
}

func TestABadgeShowsInItsWindow(t *testing.T) {
	r, hour := newRoom(t), start.Add(time.Hour)
	mustDo(t, r.GrantBadge(at(start), "verified", time.Time{}, time.Time{}))
	mustDo(t, r.GrantBadge(at(start), "charity", hour, hour.Add(time.Hour)))
	for _, moment := range []struct {
		now   time.Time
		turns bool
		shown []string
		next  time.Time
	}{
		{start, false, []string{"verified"}, hour},
		{hour.Add(-1), false, []string{"verified"}, hour},
		{hour, true, []string{"charity", "verified"}, hour.Add(time.Hour)},
		{hour.Add(time.Hour), true, []string{"verified"}, time.Time{}},
		{hour.Add(time.Hour), false, []string{"verified"}, time.Time{}},
	} {
		if turns := r.TurnBadges(at(moment.now)); turns != moment.turns {
			t.Errorf("at %s something turned: %v", moment.now, turns)
		}
		if got := r.Card().Extension.Badges; !slices.Equal(got, moment.shown) || !r.BadgesTurnAt().Equal(moment.next) {
			t.Errorf("at %s: %v until %s", moment.now, got, r.BadgesTurnAt())
		}
	}
	r.RevokeBadge(at(hour), "verified")
	version := r.Version
	r.RevokeBadge(at(hour), "verified")
	if r.Version != version || !r.Extension.Empty() {
		t.Errorf("revoked twice: version %s, %+v", r.Version, r.Extension)
	}
}

func TestAWindowThatWasSleptThroughLeavesNothing(t *testing.T) {
	r := newRoom(t)
	mustDo(t, r.GrantBadge(at(start), "charity", start.Add(time.Hour), start.Add(2*time.Hour)))
	if !r.TurnBadges(at(start.Add(3*time.Hour))) || !r.Extension.Empty() {
		t.Errorf("left: %+v", r.Extension)
	}
}

func TestBadgesAreBounded(t *testing.T) {
	r := newRoom(t)
	grant := func(name string, from, until time.Time) error { return r.GrantBadge(at(start), name, from, until) }
	for _, name := range []string{"", "Staff", "a_b", "a/b", strings.Repeat("a", room.MaxBadgeName+1)} {
		wantField(t, grant(name, time.Time{}, time.Time{}), "name")
	}
	wantField(t, grant("a", time.Time{}, start), "until")
	wantField(t, grant("a", start.Add(2), start.Add(1)), "until")
	for i := range room.MaxBadges {
		mustDo(t, grant(string(rune('a'+i)), time.Time{}, time.Time{}))
	}
	if err := grant("z", time.Time{}, time.Time{}); !errors.Is(err, fault.BadgeLimit) {
		t.Errorf("one too many: %v", err)
	}
	mustDo(t, grant("a", time.Time{}, start.Add(1))) // a new window of one that is there
	version := r.Version
	if mustDo(t, grant("a", time.Time{}, start.Add(1))); r.Version != version {
		t.Error("the same grant again is an event")
	}
}
