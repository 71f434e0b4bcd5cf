package greenroom

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
)

// Seen is a room as a query node saw it.
type Seen struct {
	*Room
	// Age is how long ago the node last knew the room to be current.
	Age time.Duration
	// Stale: everything behind the node is gone, this is the last it knew.
	Stale bool
}

// ReadOption adds to one read.
type ReadOption func(http.Header)

// MinVersion waits, up to the server's 500 ms, until the room is at least at this version: the one
// that a command returned. NOT_YET_VISIBLE after that, which the client retries.
func MinVersion(version int64) ReadOption {
	return func(h http.Header) { h.Set("X-Room-Min-Version", strconv.FormatInt(version, 10)) }
}

// GetRoom reads one room.
func (c *Client) GetRoom(ctx context.Context, id int64, options ...ReadOption) (*Seen, error) {
	var answer roomv1.GetRoomResponse
	header, err := c.read(ctx, "/v1/rooms/"+strconv.FormatInt(id, 10), nil, &answer, options...)
	if err != nil {
		return nil, err
	}
	age, _ := strconv.ParseInt(header.Get("X-Room-Age-Ms"), 10, 64)
	return &Seen{Room: answer.GetRoom(), Age: time.Duration(age) * time.Millisecond, Stale: header.Get("X-Room-Stale") == "true"}, nil
}

// Batch reads up to 1,000 rooms, in the order of ids; missing are those that do not exist.
func (c *Client) Batch(ctx context.Context, ids ...int64) (rooms []*Room, missing []int64, err error) {
	var answer roomv1.BatchGetRoomsResponse
	_, err = c.read(ctx, "/v1/rooms", url.Values{"ids": {join(ids)}}, &answer)
	return answer.GetRooms(), answer.GetMissing(), err
}

// AnchorRooms reads the rooms of an anchor as viewers see them.
func (c *Client) AnchorRooms(ctx context.Context, anchor int64) ([]*Room, error) {
	var answer roomv1.ListAnchorRoomsResponse
	_, err := c.read(ctx, "/v1/anchors/"+strconv.FormatInt(anchor, 10)+"/rooms", nil, &answer)
	return answer.GetRooms(), err
}

// LiveQuery selects rooms that are on air; the zero value takes all, newest first.
type LiveQuery struct {
	// Area takes the rooms of the area and of all areas below it.
	Area int64
	Tag  string
	// Language is a BCP 47 tag and takes what it begins: "zh" takes "zh-Hans".
	Language string
	// Sort is "started" or "online".
	Sort string
	// PageSize is 1 to 200; 0 is the server's choice.
	PageSize  int
	PageToken string
}

// Live reads one page of the rooms on air. The token it returns names a snapshot: pages after this
// one are cut from the same list, whatever changes meanwhile. Empty on the last page, and only there:
// with filters combined a page may be short, even empty, and not the last.
func (c *Client) Live(ctx context.Context, q LiveQuery) (rooms []*Room, next string, err error) {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" && value != "0" {
			values.Set(name, value)
		}
	}
	set("area", strconv.FormatInt(q.Area, 10))
	set("tag", q.Tag)
	set("language", q.Language)
	set("sort", q.Sort)
	set("page_size", strconv.Itoa(q.PageSize))
	set("page_token", q.PageToken)
	var answer roomv1.ListLiveResponse
	_, err = c.read(ctx, "/v1/live", values, &answer)
	return answer.GetRooms(), answer.GetNextPageToken(), err
}

// A newer server may know fields that we do not.
var decodes = protojson.UnmarshalOptions{DiscardUnknown: true}

// read gets path from the C side and decodes the answer.
func (c *Client) read(ctx context.Context, path string, query url.Values, into proto.Message, options ...ReadOption) (http.Header, error) {
	var header http.Header
	err := c.retry(ctx, func(ctx context.Context) *Error {
		resp, fault := c.get(ctx, path, query, "application/json", options)
		if fault != nil {
			return fault
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		if err != nil {
			return unreachable(err)
		}
		if err := decodes.Unmarshal(body, into); err != nil {
			return alien(err)
		}
		header = resp.Header
		return nil
	})
	return header, err
}

// get returns an answer with status 200; the caller closes its body.
func (c *Client) get(ctx context.Context, path string, query url.Values, accept string, options []ReadOption) (*http.Response, *Error) {
	target := c.queryURL + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, &Error{Code: "INVALID_ARGUMENT", Message: err.Error(), cause: err}
	}
	req.Header.Set("Accept", accept)
	for _, o := range options {
		o(req.Header)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	return nil, ofHTTP(resp.StatusCode, resp.Header, body)
}

// maxRefusal bounds what is read of an error answer.
const maxRefusal = 64 << 10

func join(ids []int64) string {
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(text, ",")
}
