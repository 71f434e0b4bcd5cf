package greenroom

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
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
	// Zone is the one the node is in, see Zones.
	Zone string
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
	r := request{path: "/v1/rooms/" + strconv.FormatInt(id, 10), options: options, single: true}
	got, a, err := read[roomv1.GetRoomResponse](ctx, c, r)
	if err != nil {
		return nil, err
	}
	age, _ := strconv.ParseInt(a.header.Get("X-Room-Age-Ms"), 10, 64)
	return &Seen{
		Room: got.GetRoom(), Age: time.Duration(age) * time.Millisecond,
		Stale: a.header.Get("X-Room-Stale") == "true", Zone: c.query.nodes[a.node].zone,
	}, nil
}

// Batch reads up to 1,000 rooms, in the order of ids; missing are those that do not exist.
func (c *Client) Batch(ctx context.Context, ids ...int64) (rooms []*Room, missing []int64, err error) {
	got, _, err := read[roomv1.BatchGetRoomsResponse](ctx, c, request{path: "/v1/rooms", query: url.Values{"ids": {join(ids)}}})
	return got.GetRooms(), got.GetMissing(), err
}

// AnchorRooms reads the rooms of an anchor as viewers see them.
func (c *Client) AnchorRooms(ctx context.Context, anchor int64) ([]*Room, error) {
	got, _, err := read[roomv1.ListAnchorRoomsResponse](ctx, c, request{path: "/v1/anchors/" + strconv.FormatInt(anchor, 10) + "/rooms"})
	return got.GetRooms(), err
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
// with filters combined a page may be short, even empty, and not the last. TOKEN_EXPIRED when the snapshot is
// gone, with the node that kept it or without: begin again.
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
	token, at, fault := c.query.pinned(q.PageToken)
	if fault != nil {
		return nil, "", fault
	}
	set("page_token", token)
	got, a, err := read[roomv1.ListLiveResponse](ctx, c, request{path: "/v1/live", query: values, pinned: at})
	return got.GetRooms(), c.query.pin(got.GetNextPageToken(), a.node), err
}

// A newer server may know fields that we do not.
var decodes = protojson.UnmarshalOptions{DiscardUnknown: true}

// request is a read, whichever node answers it.
type request struct {
	path    string
	query   url.Values
	options []ReadOption
	// single: the answer is one room.
	single bool
	// pinned is the only node that can answer, counted from 1; 0 for any.
	pinned int
}

// read gets the answer and decodes it; nil with an error.
func read[A any, M interface {
	*A
	proto.Message
}](ctx context.Context, c *Client, r request) (M, answer, error) {
	q := question{pace: &c.lists, ask: func(ctx context.Context, node int) answer { return c.put(ctx, node, &r, M(new(A))) }}
	if r.single {
		q.pace = &c.cards
	}
	if len(r.options) > 0 { // MinVersion: it may wait, and is not slow for that
		q.pace = nil
	}
	var a answer
	err := c.retry(ctx, func() *Error {
		if r.pinned > 0 {
			a = q.only(ctx, r.pinned-1)
		} else {
			a = c.find(ctx, q)
		}
		return a.fault
	})
	if err != nil {
		return nil, a, r.unpinned(err)
	}
	c.memory.met(roomsOf(a.msg)...)
	return a.msg.(M), a, nil
}

// put asks one node, and once more with the version to wait for when it shows a room older than it was before.
func (c *Client) put(ctx context.Context, node int, r *request, into proto.Message) answer {
	a := answer{node: node, msg: into}
	options := r.options
	for {
		if a.header, a.fault = c.fetch(ctx, node, r, options, into); a.fault != nil {
			return a
		}
		id, version := c.memory.outdated(roomsOf(into)...)
		if id == 0 {
			return a
		}
		if !r.single || len(options) > len(r.options) {
			a.fault = outdated(id, version)
			return a
		}
		options = append(slices.Clip(options), MinVersion(version))
	}
}

// fetch asks one node once.
func (c *Client) fetch(ctx context.Context, node int, r *request, options []ReadOption, into proto.Message) (http.Header, *Error) {
	resp, fault := c.get(ctx, c.query.nodes[node].url, r.path, r.query, "application/json", options)
	if fault != nil {
		return nil, fault
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, unreachable(err)
	}
	if err := decodes.Unmarshal(body, into); err != nil {
		return nil, alien(err)
	}
	return resp.Header, nil
}

// get returns an answer with status 200; the caller closes its body.
func (c *Client) get(ctx context.Context, base, path string, query url.Values, accept string, options []ReadOption) (*http.Response, *Error) {
	target := base + path
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
