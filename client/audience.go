package greenroom

import (
	"context"
	"net/url"
	"strconv"
	"time"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// Audience is who watches a room: now, and minute by minute.
type Audience = roomv1.GetAudienceResponse

// AudienceQuery selects a broadcast of a room, and minutes of its history; the zero value takes the one that is on air, from
// its beginning.
type AudienceQuery struct {
	Session int64
	// From and To bound the points: minutes from the one to before the other.
	From, To time.Time
	// PageSize is 1 to 1,440; 0 is the server's choice.
	PageSize  int
	PageToken string
}

// GetAudience reads a room's audience as the zone counts it, and one page of its history.
func (c *Client) GetAudience(ctx context.Context, room int64, q AudienceQuery) (*Audience, error) {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" && value != "0" {
			values.Set(name, value)
		}
	}
	setTime := func(name string, t time.Time) {
		if !t.IsZero() {
			values.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	set("session_id", strconv.FormatInt(q.Session, 10))
	setTime("from", q.From)
	setTime("to", q.To)
	set("page_size", strconv.Itoa(q.PageSize))
	set("page_token", q.PageToken)
	got, _, err := read[roomv1.GetAudienceResponse](ctx, c, request{path: "/v1/rooms/" + strconv.FormatInt(room, 10) + "/audience", query: values})
	return got, err
}
