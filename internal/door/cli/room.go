package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	greenroom "github.com/greenroomlive/greenroom/client"

	anchorv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/anchor/v1"
)

type roomCmd struct {
	Create roomCreate `cmd:"" help:"Open an idle room."`
	Get    roomGet    `cmd:"" help:"Show a room as viewers see it."`
	List   roomList   `cmd:"" help:"List rooms."`
	Search roomSearch `cmd:"" help:"Find rooms by words, as viewers do."`
	Edit   roomEdit   `cmd:"" help:"Change a room's description."`
	Start  roomStart  `cmd:"" help:"Start a broadcast without a media server."`
	Stop   roomStop   `cmd:"" help:"End the running broadcast, whatever started it."`
	Watch  roomWatch  `cmd:"" help:"Follow what happens to a room, or to all: one line an event."`
}

type roomCreate struct {
	Title    string   `arg:"" help:"What viewers read first, up to 120 characters."`
	Anchor   int64    `placeholder:"UID" help:"The owner's uid; your own when absent."`
	Area     int64    `placeholder:"ID" help:"File the room under this area."`
	Cover    string   `placeholder:"URL" help:"Address of the cover picture."`
	Tag      []string `placeholder:"TAG" help:"Tags; repeat the flag, or separate with commas."`
	Language string   `placeholder:"TAG" help:"BCP 47, such as en or zh-Hans."`
	TakeOver bool     `help:"Let a second publisher with a valid key take the room over, instead of refusing it."`
	Quiet    bool     `short:"q" help:"Print the room's id only, for scripts."`
}

func (c *roomCreate) Run(ctx context.Context, s *session) error {
	req := &greenroom.NewRoom{
		Title: c.Title, AnchorId: c.Anchor, AreaId: c.Area, CoverUrl: c.Cover, Tags: c.Tag, Language: c.Language,
	}
	if c.TakeOver {
		req.PublisherPolicy = anchorv1.Settings_TAKE_OVER
	}
	a, err := s.CreateRoom(ctx, req)
	if c.Quiet && err == nil {
		return s.line(num(a.GetRoom().GetId()))
	}
	return s.room(a.GetRoom(), err)
}

type roomGet struct {
	ID         int64 `arg:"" help:"Room id."`
	Own        bool  `help:"Ask the B side: strongly consistent, for the owner and staff."`
	MinVersion int64 `placeholder:"N" help:"Wait until viewers see at least this version."`
}

func (c *roomGet) Run(ctx context.Context, s *session) error {
	if c.Own {
		a, err := s.OwnRoom(ctx, c.ID)
		return s.room(a.GetRoom(), err)
	}
	var options []greenroom.ReadOption
	if c.MinVersion > 0 {
		options = append(options, greenroom.MinVersion(c.MinVersion))
	}
	seen, err := s.GetRoom(ctx, c.ID, options...)
	if err != nil {
		return err
	}
	if err := s.room(seen.Room, nil); err != nil || s.json {
		return err
	}
	if seen.Stale {
		return s.facts("stale", fmt.Sprintf("yes: the last that is known, from %v ago", seen.Age))
	}
	return nil
}

type roomList struct {
	Live     bool   `help:"Those on air, as viewers see them."`
	Anchor   int64  `placeholder:"UID" help:"Those of this anchor."`
	Area     int64  `placeholder:"ID" help:"With --live: those of this area and of all below it."`
	Tag      string `placeholder:"TAG" help:"With --live: those with this tag."`
	Language string `placeholder:"TAG" help:"With --live: those in this language; en takes en-GB."`
	Limit    int    `placeholder:"N" help:"At most so many." default:"200"`
	Quiet    bool   `short:"q" help:"Print ids only, for scripts."`
}

func (c *roomList) filtered() bool { return c.Area != 0 || c.Tag != "" || c.Language != "" }

// Validate is kong's.
func (c *roomList) Validate() error {
	switch {
	case c.filtered() && !c.Live:
		return errors.New("--area, --tag and --language go with --live")
	case c.Live && c.Anchor != 0:
		return errors.New("--anchor does not go with --live; try greenroom room search --live '@UID'")
	}
	return nil
}

func (c *roomList) Run(ctx context.Context, s *session) error {
	rooms, err := pages(c.Limit, func(token string) ([]*greenroom.Room, string, error) {
		if c.Live {
			return s.Live(ctx, greenroom.LiveQuery{Area: c.Area, Tag: c.Tag, Language: c.Language, PageToken: token})
		}
		return s.ListRooms(ctx, c.Anchor, token)
	})
	if err != nil {
		return err
	}
	none := "There are no rooms yet: greenroom room create \"My first room\""
	switch {
	case c.filtered():
		none = "No such room is on air."
	case c.Live:
		none = "No room is on air."
	}
	return s.rooms(rooms, none, c.Quiet)
}

// rooms prints a list of rooms, or their ids alone.
func (s *session) rooms(rooms []*greenroom.Room, none string, quiet bool) error {
	if quiet {
		for _, r := range rooms {
			if err := s.line(num(r.GetId())); err != nil {
				return err
			}
		}
		return nil
	}
	return list(s, rooms, none, "ID ANCHOR STATUS VERSION UPDATED TITLE", func(r *greenroom.Room) []string {
		return []string{num(r.GetId()), num(r.GetAnchorId()), r.GetLive().GetStatus().String(), num(r.GetVersion()), at(r.GetUpdatedAt()), r.GetTitle()}
	})
}

type roomEdit struct {
	ID       int64     `arg:"" help:"Room id."`
	Title    *string   `placeholder:"TEXT" help:"New title."`
	Area     *int64    `placeholder:"ID" help:"New area; 0 for none."`
	Cover    *string   `placeholder:"URL" help:"New cover picture; empty for none."`
	Tag      *[]string `placeholder:"TAG" help:"New tags, instead of all old ones; --tag= for none."`
	Language *string   `placeholder:"TAG" help:"New language."`
	IfMatch  int64     `placeholder:"N" help:"Only while the room is at this version."`
}

func (c *roomEdit) Run(ctx context.Context, s *session) error {
	patch, mask := &greenroom.RoomPatch{Title: c.Title, AreaId: c.Area, CoverUrl: c.Cover, Language: c.Language}, []string(nil)
	for name, given := range map[string]bool{
		"title": c.Title != nil, "area_id": c.Area != nil, "cover_url": c.Cover != nil, "tags": c.Tag != nil, "language": c.Language != nil,
	} {
		if given {
			mask = append(mask, name)
		}
	}
	if len(mask) == 0 {
		return fmt.Errorf("nothing to change: see greenroom room edit --help")
	}
	if c.Tag != nil {
		patch.Tags = *c.Tag
	}
	var options []greenroom.CallOption
	if c.IfMatch > 0 {
		options = append(options, greenroom.IfMatch(c.IfMatch))
	}
	a, err := s.UpdateRoom(ctx, c.ID, patch, mask, options...)
	return s.room(a.GetRoom(), err)
}

type roomStart struct {
	ID int64 `arg:"" help:"Room id."`
}

func (c *roomStart) Run(ctx context.Context, s *session) error {
	a, err := s.StartRoom(ctx, c.ID)
	return s.room(a.GetRoom(), err)
}

type roomStop struct {
	ID int64 `arg:"" help:"Room id."`
}

func (c *roomStop) Run(ctx context.Context, s *session) error {
	a, err := s.StopRoom(ctx, c.ID)
	return s.room(a.GetRoom(), err)
}

type roomWatch struct {
	ID    int64    `arg:"" optional:"" help:"Room id; all rooms when absent."`
	After *int64   `placeholder:"CURSOR" help:"Begin after this position of the feed; 0 is the oldest that is kept. Absent: news only."`
	Type  []string `help:"Only these types, such as WentLive."`
}

func (c *roomWatch) Run(ctx context.Context, s *session) error {
	q := greenroom.FeedQuery{Types: c.Type}
	if c.After != nil {
		q.After = *c.After
	} else {
		end, err := s.FeedEnd(ctx)
		if err != nil {
			return err
		}
		q.After = end
	}
	events := s.Feed(ctx, q)
	if c.ID != 0 {
		events = s.RoomEvents(ctx, c.ID, q.After, q.Types...)
	}
	for e, err := range events {
		if err != nil {
			return err
		}
		if err := s.event(e); err != nil {
			return err
		}
	}
	return nil
}

// event prints one line. Not a table: its columns cannot wait for what is still to come.
func (s *session) event(e *greenroom.RoomEvent) error {
	if s.json {
		return s.message(e)
	}
	what := strings.Join(e.GetChanged(), ",")
	if e.GetReason() != "" {
		what = e.GetReason()
	}
	_, err := fmt.Fprintf(s.out, "%s  #%-6d room %-19s v%-4d %-16s %-24s by %s\n",
		at(e.GetCommittedAt()), e.GetFeedSeq(), orDash(num(e.GetRoomId())), e.GetVersion(), e.GetType(), plain(what), plain(e.GetActor()))
	return err
}

// room prints one room.
func (s *session) room(r *greenroom.Room, err error) error {
	if err != nil {
		return err
	}
	if s.json {
		return s.message(r)
	}
	status := r.GetLive().GetStatus().String()
	if start := r.GetLive().GetStartedAt(); start != nil {
		status += " since " + at(start) + ", session " + num(r.GetLive().GetSessionId())
	}
	return s.facts(
		"room", num(r.GetId()), "title", r.GetTitle(), "anchor", num(r.GetAnchorId()), "area", orDash(num(r.GetAreaId())),
		"tags", orDash(strings.Join(r.GetTags(), ", ")), "language", orDash(r.GetLanguage()), "cover", orDash(r.GetCoverUrl()),
		"status", status, "control", r.GetControl().GetState().String(), "version", num(r.GetVersion()), "updated", at(r.GetUpdatedAt()),
	)
}
