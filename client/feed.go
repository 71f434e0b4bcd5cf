package greenroom

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxLine bounds one event of the feed, in bytes: the area tree at its largest is below 200 KiB.
const maxLine = 1 << 20

// heartbeat is how often the server says something although nothing happens.
const heartbeat = "15s"

// FeedQuery selects events; the zero value takes all that are kept, from the oldest.
type FeedQuery struct {
	// After is the feed_seq of the last event already seen.
	After int64
	// Rooms and Types filter; empty takes all. At most 1,000 rooms.
	Rooms []int64
	Types []string
}

// Feed follows the events until the context ends, which ends the sequence without an error. Lost
// connections are picked up at the cursor, as often as needed, without a gap and without a repeat.
//
// An error ends the sequence: CURSOR_EXPIRED when the events after the cursor are no longer kept, or
// when the log was replaced, so that positions in the old one mean nothing; read the rooms afresh then.
func (c *Client) Feed(ctx context.Context, q FeedQuery) iter.Seq2[*RoomEvent, error] {
	return c.events(ctx, "/v1/feed", q)
}

// RoomEvents follows one room, as Feed does, from a position of the feed on. ROOM_NOT_FOUND when there is no such room.
func (c *Client) RoomEvents(ctx context.Context, id, after int64, types ...string) iter.Seq2[*RoomEvent, error] {
	return c.events(ctx, fmt.Sprintf("/v1/rooms/%d/events", id), FeedQuery{After: after, Types: types})
}

func (c *Client) events(ctx context.Context, path string, q FeedQuery) iter.Seq2[*RoomEvent, error] {
	return func(yield func(*RoomEvent, error) bool) {
		f := feed{client: c, path: path, query: q}
		for failures := 0; ctx.Err() == nil; failures++ {
			before := f.query.After
			fault, more := f.follow(ctx, yield)
			if !more || ctx.Err() != nil {
				return
			}
			if fault != nil && !fault.passing {
				yield(nil, fault)
				return
			}
			if f.query.After != before {
				failures = 0
			}
			var least time.Duration
			if fault != nil {
				least = fault.wait
			}
			if !c.wait(ctx, failures+1, least) {
				return
			}
		}
	}
}

// FeedEnd is the position of the newest event: the cursor of one who wants news only.
func (c *Client) FeedEnd(ctx context.Context) (int64, error) {
	var end int64
	err := c.retry(ctx, func(ctx context.Context) *Error {
		// Nobody is that far: the refusal says where the end is.
		resp, fault := c.get(ctx, "/v1/feed", url.Values{"after": {strconv.FormatInt(math.MaxInt64, 10)}}, "application/x-ndjson", nil)
		if fault == nil {
			_ = resp.Body.Close()
			return alien(errors.New("the feed has no end"))
		}
		var err error
		if end, err = strconv.ParseInt(fault.Details["end"], 10, 64); err != nil {
			return fault
		}
		return nil
	})
	return end, err
}

type feed struct {
	client *Client
	path   string
	query  FeedQuery
	// epoch names the log that the cursor counts in, once an event told.
	epoch string
}

// follow yields the events of one connection. It returns why the connection ended, and false when
// the consumer wants no more.
func (f *feed) follow(ctx context.Context, yield func(*RoomEvent, error) bool) (*Error, bool) {
	values := url.Values{"after": {strconv.FormatInt(f.query.After, 10)}, "heartbeat": {heartbeat}}
	if len(f.query.Rooms) > 0 {
		values.Set("rooms", join(f.query.Rooms))
	}
	if len(f.query.Types) > 0 {
		values.Set("types", strings.Join(f.query.Types, ","))
	}
	resp, fault := f.client.get(ctx, f.path, values, "application/x-ndjson", nil)
	if fault != nil {
		return fault, true
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	lines.Split(wholeLines)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue // a sign of life
		}
		if bytes.HasPrefix(lines.Bytes(), []byte(`{"error":`)) {
			return ofEnvelope(lines.Bytes()), true // the server's last word
		}
		if beat, ok := bytes.CutPrefix(lines.Bytes(), []byte(`{"heartbeat":{"feed_seq":"`)); ok {
			f.reached(beat)
			continue
		}
		var e RoomEvent
		if err := decodes.Unmarshal(lines.Bytes(), &e); err != nil {
			return alien(err), true
		}
		if fault := f.check(&e); fault != nil {
			return fault, true
		}
		if e.GetFeedSeq() <= f.query.After {
			continue
		}
		f.query.After = e.GetFeedSeq()
		if !yield(&e, nil) {
			return nil, false
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return alien(lines.Err()), true
	}
	return nil, true
}

// reached moves the cursor over what a filter left out, so that a reconnect does not go through it again.
func (f *feed) reached(beat []byte) {
	digits, _, _ := bytes.Cut(beat, []byte{'"'})
	if seq, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
		f.query.After = max(f.query.After, seq)
	}
}

// wholeLines is a bufio.SplitFunc that drops a last line without an end: the connection broke in
// the middle of an event, which comes again, whole.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF {
		return len(data), nil, nil
	}
	return 0, nil, nil
}

func (f *feed) check(e *RoomEvent) *Error {
	if f.epoch == "" {
		f.epoch = e.GetEpoch()
	}
	if f.epoch != e.GetEpoch() {
		return &Error{Code: "CURSOR_EXPIRED", Message: "the log was replaced by another one", Details: map[string]string{"epoch": e.GetEpoch()}}
	}
	return nil
}
