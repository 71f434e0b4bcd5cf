package console

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

const (
	// chartMinutes is what a chart shows at most: the last day of a broadcast, one page of its history.
	chartMinutes = query.MaxPoints
	// chartEvery is how often an open page reads it. It costs the views a query; a point comes once a minute.
	chartEvery = 5 * time.Second
)

// audienceView is who watched one broadcast of the room. The table is the chart's data: without script it is the chart.
type audienceView struct {
	Room ident.RoomID
	// Session is the broadcast that is shown; its ID is 0 when the room has never been on air.
	Session  sessionView
	Sessions []sessionView
	Total    view.Count
	Minutes  []view.Count
	// Trouble is why nothing can be shown.
	Trouble string
}

// Running: somebody may be watching now.
func (v *audienceView) Running() bool { return v.Session.Ended.IsZero() }

// Watched is the watch time of all viewers together: a million of them watch 292 years, where a time.Duration ends, in
// three hours.
func (v *audienceView) Watched() string { return lastedSeconds(v.Total.WatchSeconds) }

// shown chooses the broadcast: the one that was asked for, else the newest.
func shown(r *http.Request, sessions []sessionView) sessionView {
	asked := r.URL.Query().Get("session")
	for _, s := range sessions {
		if s.ID.String() == asked {
			return s
		}
	}
	if len(sessions) == 0 {
		return sessionView{}
	}
	return sessions[0]
}

// audience reads the chart. That the viewers' side is broken is told, and breaks nothing else.
func (c *Console) audience(ctx context.Context, room ident.RoomID, session sessionView, all []sessionView) audienceView {
	v := audienceView{Room: room, Session: session, Sessions: all}
	if session.ID == 0 {
		return v
	}
	end := cmp.Or(session.Ended, c.Clock())
	got, err := c.Audience.Audience(ctx, query.AudienceQuery{
		Room: room, Session: session.ID, From: end.Add(-chartMinutes * time.Minute), PageSize: chartMinutes,
	})
	if err != nil {
		v.Trouble = fault.Of(err).Message
		return v
	}
	v.Total, v.Minutes = got.Now, got.Points
	if v.Total.AsOf.IsZero() && len(v.Minutes) > 0 { // no longer counted: the last minute has the sums
		v.Total = v.Minutes[len(v.Minutes)-1]
	}
	return v
}

// charting reads the chart for an open page, not with every look at it.
type charting struct {
	console *Console
	last    audienceView
	read    time.Time
}

func (c *charting) audience(ctx context.Context, room ident.RoomID, session sessionView, all []sessionView) audienceView {
	if now := c.console.Clock(); c.last.Session.ID != session.ID || now.Sub(c.read) >= chartEvery {
		c.last, c.read = c.console.audience(ctx, room, session, all), now
	}
	c.last.Session, c.last.Sessions = session, all
	return c.last
}
