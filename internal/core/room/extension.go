package room

// Story: what hangs in a room beside the stream: an announcement, a pinned message, badges.
//
//	door/commandapi ─▶ command.Extend ─▶ this file decides ─▶ store commits {state, outbox} ─▶ as every change
//
// A badge has a window: it is granted ahead of time, shows while the window is open, and is gone after it. Viewers'
// cards are made without a clock, so the window's beginning and end are changes of the room, each with its event.

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Bounds of an extension; the texts are counted in runes.
const (
	MaxAnnouncement = 500
	MaxPinned       = 200
	MaxBadges       = 10
	MaxBadgeName    = 24
)

// Extension is what hangs in a room.
type Extension struct {
	// Announcement and Pinned are plain text: who shows them in HTML escapes them.
	Announcement string `json:"announcement"`
	Pinned       string `json:"pinned"`
	// Badges are ordered by name, each name once; those whose window is still to come are among them.
	Badges []Badge `json:"badges"`
	// Widgets are ordered by name, each name once.
	Widgets []Widget `json:"widgets,omitempty"`
}

// Badge is a mark that staff gives a room, for a time.
type Badge struct {
	Name string    `json:"name"`
	From time.Time `json:"from"`
	// Until is when it ends by itself; zero for when it is revoked.
	Until time.Time `json:"until"`
	// Shown is true from the event that began its window.
	Shown bool   `json:"shown"`
	Actor string `json:"actor"`
}

// Announce changes the announcement; an empty one takes it down. INVALID_ARGUMENT when the text is too long or cannot
// be shown.
func (r *Room) Announce(by By, words string) error {
	return r.say(by, &r.Extension.Announcement, "announcement", words, MaxAnnouncement, event.AnnouncementChanged)
}

// Pin changes the pinned message; an empty one takes it down. INVALID_ARGUMENT when the text is too long or cannot be
// shown.
func (r *Room) Pin(by By, words string) error {
	return r.say(by, &r.Extension.Pinned, "pinned", words, MaxPinned, event.PinnedChanged)
}

func (r *Room) say(by By, at *string, field, words string, limit int, changed event.Type) error {
	if err := text(field, words, limit); err != nil {
		return err
	}
	if *at != words {
		*at = words
		r.record(by, changed, "")
	}
	return nil
}

// GrantBadge gives a badge, or moves the window of the one that has the name. A zero from is now, a zero until never.
func (r *Room) GrantBadge(by By, name string, from, until time.Time) error {
	if from.IsZero() {
		from = by.Now
	}
	if err := checkBadge(by, name, from, until); err != nil {
		return err
	}
	rest := r.badgesWithout(name)
	if len(rest) >= MaxBadges {
		return fault.BadgeLimit.New("room %s has %d badges, at most %d", r.ID, len(rest), MaxBadges).With("field", "name")
	}
	granted := Badge{Name: name, From: from, Until: until, Shown: !from.After(by.Now), Actor: by.Actor}
	if slices.Contains(r.Extension.Badges, granted) {
		return nil
	}
	r.Extension.Badges = append(rest, granted)
	slices.SortFunc(r.Extension.Badges, func(a, b Badge) int { return cmp.Compare(a.Name, b.Name) })
	r.record(by, event.BadgesChanged, "")
	return nil
}

// RevokeBadge takes a badge away; one that the room does not have stays so, without an event.
func (r *Room) RevokeBadge(by By, name string) {
	if rest := r.badgesWithout(name); len(rest) != len(r.Extension.Badges) {
		r.Extension.Badges = rest
		r.record(by, event.BadgesChanged, "")
	}
}

// TurnBadges begins and ends the windows for which it is time at by.Now; it reports whether there was any. What falls
// due together is one event.
func (r *Room) TurnBadges(by By) (any bool) {
	var now []Badge
	for _, b := range r.Extension.Badges {
		if b.turnsAt().After(by.Now) || b.turnsAt().IsZero() {
			now = append(now, b)
			continue
		}
		any = true
		if b.Shown = true; b.Until.IsZero() || b.Until.After(by.Now) {
			now = append(now, b)
		}
	}
	if any {
		r.Extension.Badges = now
		r.record(by, event.BadgesChanged, "WINDOW")
	}
	return any
}

// BadgesTurnAt is when the next window begins or ends by itself; zero for never.
func (r *Room) BadgesTurnAt() (next time.Time) {
	for _, b := range r.Extension.Badges {
		if at := b.turnsAt(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// Extended reports whether the extension differs from what was loaded.
func (r *Room) Extended() bool {
	a, b := &r.Extension, &r.extension
	return a.Announcement != b.Announcement || a.Pinned != b.Pinned || !slices.Equal(a.Badges, b.Badges) || !slices.Equal(a.Widgets, b.Widgets)
}

// Empty reports whether nothing hangs in the room.
func (e *Extension) Empty() bool {
	return e.Announcement == "" && e.Pinned == "" && len(e.Badges) == 0 && len(e.Widgets) == 0
}

// card is the extension as viewers see it.
func (e *Extension) card() view.Extension {
	out := view.Extension{Announcement: e.Announcement, Pinned: e.Pinned}
	for _, b := range e.Badges {
		if b.Shown {
			out.Badges = append(out.Badges, b.Name)
		}
	}
	for _, w := range e.Widgets {
		out.Widgets = append(out.Widgets, view.Widget{Name: w.Name, Type: w.Type, Version: w.Version, Value: w.Value})
	}
	return out
}

func (e *Extension) clone() Extension {
	out := *e
	out.Badges, out.Widgets = slices.Clone(e.Badges), slices.Clone(e.Widgets)
	return out
}

// badgesWithout are the badges of the other names, in a slice of their own.
func (r *Room) badgesWithout(name string) []Badge {
	return slices.DeleteFunc(slices.Clone(r.Extension.Badges), func(b Badge) bool { return b.Name == name })
}

func (b *Badge) turnsAt() time.Time {
	if !b.Shown {
		return b.From
	}
	return b.Until
}

func checkBadge(by By, name string, from, until time.Time) error {
	odd := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' }
	switch {
	case name == "" || len(name) > MaxBadgeName || strings.ContainsFunc(name, odd):
		return invalid("name", "a badge is named by 1 to %d of a-z, 0-9 and -", MaxBadgeName)
	case !until.IsZero() && !until.After(by.Now):
		return invalid("until", "%s is not in the future", until.Format(time.RFC3339))
	case !until.IsZero() && !until.After(from):
		return invalid("until", "the window ends before it begins")
	}
	return nil
}
