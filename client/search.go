package greenroom

import (
	"context"
	"net/url"
	"strconv"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// SearchQuery selects rooms by words.
type SearchQuery struct {
	// Text is 1 to 12 words in at most 120 characters. A room has to have all of them in its title or its tags;
	// the last one may be unfinished. "#jazz" is looked for in tags only, "@42" is the anchor with that id.
	Text string
	// Live takes only rooms on air; otherwise those come first.
	Live bool
	// Area takes the rooms filed under it and under all that is below it.
	Area int64
	// Language is a BCP 47 tag; "zh" takes "zh-Hans".
	Language string
	// PageSize is 1 to 100; 0 is the server's choice.
	PageSize  int
	PageToken string
}

// Found is a page of a search.
type Found struct {
	// Rooms are the best first.
	Rooms []*Room
	// Next is the token of the page after this one; empty on the last. Between two pages a room may move.
	Next string
	// Complete is false when rooms may be missing, as while a node that has just started fills its index.
	Complete bool
}

// Search reads one page of the rooms that match. INVALID_ARGUMENT when the text has no word in it.
func (c *Client) Search(ctx context.Context, q SearchQuery) (Found, error) {
	values := url.Values{"q": {q.Text}}
	set := func(name, value string) {
		if value != "" && value != "0" && value != "false" {
			values.Set(name, value)
		}
	}
	set("live", strconv.FormatBool(q.Live))
	set("area", strconv.FormatInt(q.Area, 10))
	set("language", q.Language)
	set("page_size", strconv.Itoa(q.PageSize))
	set("page_token", q.PageToken)
	got, _, err := read[roomv1.SearchRoomsResponse](ctx, c, request{path: "/v1/search", query: values})
	return Found{got.GetRooms(), got.GetNextPageToken(), got.GetComplete()}, err
}
