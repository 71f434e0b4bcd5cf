package cli

import (
	"context"
	"strings"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type extendCmd struct {
	Show     extendShow     `cmd:"" help:"Show what hangs in a room, as its anchor sees it."`
	Announce extendAnnounce `cmd:"" help:"Put up an announcement, or take it down."`
	Pin      extendPin      `cmd:"" help:"Pin a message, or take it down."`
	Badge    badgeCmd       `cmd:"" help:"Badges of a room: granted by staff, shown in their windows."`
	Widget   widgetCmd      `cmd:"" help:"Typed widgets of a room, and the registry of their types."`
}

type extendShow struct {
	Room int64 `arg:"" help:"Room id."`
}

func (c *extendShow) Run(ctx context.Context, s *session) error {
	return s.extension(s.RoomExtension(ctx, c.Room))
}

type extendAnnounce struct {
	Room    int64  `arg:"" help:"Room id."`
	Text    string `arg:"" optional:"" help:"One line of plain text, up to 500 characters; nothing takes the announcement down."`
	IfMatch int64  `placeholder:"N" help:"Only while the room is at this version."`
}

func (c *extendAnnounce) Run(ctx context.Context, s *session) error {
	return s.extension(s.Announce(ctx, c.Room, c.Text, matching(c.IfMatch)...))
}

type extendPin struct {
	Room    int64  `arg:"" help:"Room id."`
	Text    string `arg:"" optional:"" help:"One line of plain text, up to 200 characters; nothing takes the message down."`
	IfMatch int64  `placeholder:"N" help:"Only while the room is at this version."`
}

func (c *extendPin) Run(ctx context.Context, s *session) error {
	return s.extension(s.Pin(ctx, c.Room, c.Text, matching(c.IfMatch)...))
}

type badgeCmd struct {
	Grant  badgeGrant  `cmd:"" help:"Grant a badge, or move the window of the one with this name."`
	Revoke badgeRevoke `cmd:"" help:"Take a badge away."`
}

type badgeGrant struct {
	Room    int64     `arg:"" help:"Room id."`
	Name    string    `arg:"" help:"1 to 24 of a-z, 0-9 and -."`
	From    time.Time `placeholder:"TIME" help:"When it begins to show, as in 2026-12-24T18:00:00Z; at once when absent."`
	Until   time.Time `placeholder:"TIME" help:"When it ends; when it is revoked, if absent."`
	IfMatch int64     `placeholder:"N" help:"Only while the room is at this version."`
}

func (c *badgeGrant) Run(ctx context.Context, s *session) error {
	return s.extension(s.GrantBadge(ctx, c.Room, c.Name, c.From, c.Until, matching(c.IfMatch)...))
}

type badgeRevoke struct {
	Room int64  `arg:"" help:"Room id."`
	Name string `arg:"" help:"The badge."`
}

func (c *badgeRevoke) Run(ctx context.Context, s *session) error {
	return s.extension(s.RevokeBadge(ctx, c.Room, c.Name))
}

// matching is the condition of --if-match, if there is one.
func matching(version int64) []greenroom.CallOption {
	if version <= 0 {
		return nil
	}
	return []greenroom.CallOption{greenroom.IfMatch(version)}
}

// extension prints what hangs in a room.
func (s *session) extension(x *greenroom.Extension, err error) error {
	if err != nil {
		return err
	}
	if s.json {
		return s.message(x)
	}
	var badges []string
	for _, b := range x.GetBadges() {
		badges = append(badges, badgeWords(b))
	}
	shown := x.GetRoom().GetExtension()
	return s.facts("room", num(x.GetRoom().GetId()), "announcement", orDash(shown.GetAnnouncement()), "pinned", orDash(shown.GetPinned()),
		"badges", orDash(strings.Join(badges, ", ")),
		"widgets", orDash(widgetWords(shown.GetWidgets())), "version", num(x.GetRoom().GetVersion()))
}

func badgeWords(b *greenroom.Badge) string {
	words := b.GetName()
	if !b.GetShown() {
		words += " from " + at(b.GetFrom())
	}
	if b.GetUntil() != nil {
		words += " until " + at(b.GetUntil())
	}
	return words
}
