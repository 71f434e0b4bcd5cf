package query

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Bounds of a page of a chart, in minutes: three hours, and a day.
const (
	DefaultPoints = 180
	MaxPoints     = 1440
)

// History is where the points of charts are kept. Safe for concurrent use.
type History interface {
	// Points lists those of a room's session from one minute to before another, the oldest first, at most limit.
	Points(ctx context.Context, room ident.RoomID, session ident.SessionID, from, to time.Time, limit int) ([]view.Count, error)
}

// AudienceQuery asks for a room's audience.
type AudienceQuery struct {
	Room ident.RoomID
	// Session is a broadcast of the room; 0 is the one that is on air.
	Session ident.SessionID
	// From and To bound the points: those of minutes from the one to before the other. Zero: all that are kept.
	From, To time.Time
	// PageSize is 1 to MaxPoints; 0 is DefaultPoints.
	PageSize  int
	PageToken string
}

// AudiencePage is the audience of a session, and a page of its history.
type AudiencePage struct {
	// Now is the newest count. Of a session that is not counted here, any more or yet, it has zeros and no AsOf. Its
	// Session is 0 when none was asked for and none is on air.
	Now view.Count
	// Points are the minutes, the oldest first; the AsOf of each is its minute.
	Points []view.Count
	// Next is the token of the page after this one; "" on the last.
	Next string
}

// Audience reads a room's audience: what is now comes from memory, the history from the views. It fails as Get
// does; INVALID_ARGUMENT for a page token that is none or belongs to another session.
func (r *Rooms) Audience(ctx context.Context, q AudienceQuery) (page AudiencePage, err error) {
	q.PageSize = cmp.Or(q.PageSize, DefaultPoints)
	if q.PageSize < 1 || q.PageSize > MaxPoints {
		return page, invalid("page_size", "page_size is 1 to %d", MaxPoints)
	}
	e, err := r.Get(ctx, q.Room, 0)
	if err != nil {
		return page, err
	}
	if q.Session == 0 && e.OnAir {
		q.Session = e.Session
	}
	page.Now = r.audienceNow(e, q.Session)
	if q.Session == 0 || r.history == nil {
		return page, nil
	}
	if q.From, err = q.begin(); err != nil {
		return page, err
	}
	if q.To.IsZero() {
		q.To = time.Unix(1<<40, 0) // beyond all minutes
	}
	points, err := r.history.Points(ctx, q.Room, q.Session, q.From, q.To, q.PageSize+1)
	if err != nil {
		return page, fault.StoreUnavailable.Wrap(err, "the history cannot be read now")
	}
	if len(points) > q.PageSize {
		page.Next = q.token(points[q.PageSize].AsOf)
		points = points[:q.PageSize]
	}
	page.Points = points
	return page, nil
}

// audienceNow is the newest count of a session, if it is one of the room.
func (r *Rooms) audienceNow(e *Entry, session ident.SessionID) view.Count {
	c := &r.counts
	c.mu.Lock()
	n, known := c.bySession[session]
	asOf := c.asOf
	c.mu.Unlock()
	if !known || n.Room != e.ID {
		n = view.Count{Room: e.ID, Session: session}
	}
	if e.OnAir && e.Session == session && asOf.After(n.AsOf) {
		n.AsOf = asOf
	}
	return n
}

// A page token is the session and the first minute of the page, so that it means the same on every node.
func (q *AudienceQuery) token(from time.Time) string {
	return strconv.FormatInt(int64(q.Session), 36) + "." + strconv.FormatInt(from.Unix(), 36)
}

// begin is the first moment of the page.
func (q *AudienceQuery) begin() (time.Time, error) {
	if q.PageToken == "" {
		return q.From, nil
	}
	session, from, ok := strings.Cut(q.PageToken, ".")
	id, err := strconv.ParseInt(session, 36, 64)
	seconds, err2 := strconv.ParseInt(from, 36, 64)
	if !ok || err != nil || err2 != nil || seconds < 0 {
		return time.Time{}, invalid("page_token", "page_token is not one of ours")
	}
	if ident.SessionID(id) != q.Session {
		return time.Time{}, invalid("page_token", "page_token belongs to another session")
	}
	return time.Unix(seconds, 0), nil
}
