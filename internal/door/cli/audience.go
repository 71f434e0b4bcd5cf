package cli

import (
	"context"
	"fmt"
	"time"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	greenroom "github.com/greenroomlive/greenroom/client"
)

type audienceCmd struct {
	Room    int64         `arg:"" help:"The room's id."`
	Session int64         `placeholder:"ID" help:"A broadcast of the room; otherwise the one that is on air."`
	Last    time.Duration `default:"1h" help:"How much of the history to show, up to now; 0 for all of it."`
	Limit   int           `default:"1440" help:"At most so many minutes."`
}

func (c *audienceCmd) Run(ctx context.Context, s *session) error {
	q := greenroom.AudienceQuery{Session: c.Session, PageSize: max(1, min(c.Limit, 1440))}
	if c.Last > 0 {
		q.From = time.Now().Add(-c.Last)
	}
	var now *greenroom.Audience
	points, err := pages(c.Limit, func(token string) ([]*roomv1.AudiencePoint, string, error) {
		q.PageToken = token
		a, err := s.GetAudience(ctx, c.Room, q)
		if now == nil {
			now = a
		}
		return a.GetPoints(), a.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	if s.json {
		now.Points, now.NextPageToken = points, ""
		return s.message(now)
	}
	if err := s.facts(
		"session", orDash(num(now.GetSessionId())), "online", num(now.GetOnline()), "peak", num(now.GetPeak()), "likes", num(now.GetLikes()),
		"viewers", fmt.Sprintf("%d ± %.1f %%", now.GetUniqueViewers(), 100*now.GetUniqueError()), "watched", watched(now.GetWatchSeconds()), "as of", at(now.GetAsOf()),
	); err != nil {
		return err
	}
	return list(s, points, "No minute of it is kept yet.", "MINUTE ONLINE PEAK LIKES VIEWERS WATCHED", func(p *roomv1.AudiencePoint) []string {
		return []string{at(p.GetMinute()), num(p.GetOnline()), num(p.GetPeak()), num(p.GetLikes()), num(p.GetUniqueViewers()), watched(p.GetWatchSeconds())}
	})
}

// watched is the time that all viewers together have watched. A time.Duration would not hold it: it ends at 292 years, and
// a million viewers watch those in three hours.
func watched(seconds int64) string {
	rest := time.Duration(seconds%3600) * time.Second
	if seconds < 3600 {
		return rest.String()
	}
	return fmt.Sprintf("%dh%dm%ds", seconds/3600, int(rest.Minutes()), seconds%60)
}
