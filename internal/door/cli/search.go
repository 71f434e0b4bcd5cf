package cli

import (
	"context"
	"strings"

	greenroom "github.com/greenroomlive/greenroom/client"
)

type roomSearch struct {
	Words    []string `arg:"" help:"Words of titles and tags; the last one may be unfinished. '#jazz' is a tag, '@42' an anchor's uid."`
	Live     bool     `help:"Only those on air; otherwise they come first."`
	Area     int64    `placeholder:"ID" help:"Those filed under this area or below it."`
	Language string   `placeholder:"TAG" help:"Those in this language, such as en or zh."`
	Limit    int      `help:"At most so many." default:"20"`
	Quiet    bool     `short:"q" help:"Print ids only, for scripts."`
}

func (c *roomSearch) Run(ctx context.Context, s *session) error {
	complete := true
	rooms, err := pages(c.Limit, func(token string) ([]*greenroom.Room, string, error) {
		f, err := s.Search(ctx, greenroom.SearchQuery{
			Text: strings.Join(c.Words, " "), Live: c.Live, Area: c.Area, Language: c.Language,
			PageSize: max(1, min(c.Limit, 100)), PageToken: token,
		})
		complete = complete && f.Complete
		return f.Rooms, f.Next, err
	})
	if err != nil {
		return err
	}
	if err := s.rooms(rooms, "No room has these words.", c.Quiet); err != nil || complete || c.Quiet || s.json {
		return err
	}
	return s.line("Rooms may be missing: the index is still being filled.")
}
