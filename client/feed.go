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
const heartbeat = 15 * time.Second

// behindTime is how long a cursor is offered to nodes that do not know it yet.
const behindTime = time.Minute

const ndjson = "application/x-ndjson"

// FeedQuery selects events; the zero value takes all that are kept, from the oldest.
type FeedQuery struct {
	// After is the feed_seq of the last event already seen.
	After int64
	// Rooms and Types filter; empty takes all. At most 1,000 rooms.
	Rooms []int64
	Types []string
}

// Feed follows the events until the context ends, which ends the sequence without an error. Lost
// connections are picked up at the cursor, as often as needed, without a gap and without a repeat; with
// [Zones] at the next node, as a cursor is good in all zones. A node that has not come as far yet is passed by.
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
			f.node = c.query.next(0)
			fault, more := f.follow(ctx, yield)
			if !more || ctx.Err() != nil {
				return
			}
			if f.query.After != before {
				failures, f.refused = 0, time.Time{}
			}
			if !f.goesOn(fault) {
				yield(nil, fault)
				return
			}
			var least time.Duration
			if fault != nil && !c.query.left(0) {
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
	err := c.retry(ctx, func() *Error {
		// Nobody is that far: the refusal says where the end is.
		beyond := url.Values{"after": {strconv.FormatInt(math.MaxInt64, 10)}}
		a := c.find(ctx, question{pace: &c.lists, ask: func(ctx context.Context, node int) answer {
			resp, fault := c.get(ctx, c.query.nodes[node].url, "/v1/feed", beyond, ndjson, nil)
			if fault == nil {
				_ = resp.Body.Close()
				fault = alien(errors.New("the feed has no end"))
			}
			return answer{node: node, fault: fault}
		}})
		var err error
		if end, err = strconv.ParseInt(a.fault.Details["end"], 10, 64); err != nil {
			return a.fault
		}
		return nil
	})
	return end, err
}

type feed struct {
	client *Client
	path   string
	query  FeedQuery
	node   int // that is followed
	// epoch names the log that the cursor counts in, once an event told.
	epoch string
	// refused is when a node first said that the cursor lies beyond its end; zero once a cursor was taken.
	refused time.Time
}

// goesOn learns from how a connection ended whether another may do better.
func (f *feed) goesOn(fault *Error) bool {
	nodes := f.client.query
	switch verdict := fault.verdict(); {
	case fault == nil:
		// It ended in peace, perhaps because the node stops: then the next connection will be refused.
		return true
	case verdict == gone:
		took := time.Duration(0)
		if errors.Is(fault, errSilent) {
			took = 2 * heartbeat
		}
		nodes.failed(f.node, took)
	case verdict == ill:
		nodes.strike(f.node)
	case verdict == busy:
		nodes.rest(f.node, fault.wait)
	case fault.Details["end"] != "" && f.epoch != "" && len(nodes.nodes) > 1:
		// The cursor is one of this log: the node is behind. When none of them knows it for long, the log has
		// lost its end, and the caller has to know.
		if f.refused.IsZero() {
			f.refused = time.Now()
		}
		nodes.rest(f.node, 0)
		return time.Since(f.refused) < behindTime
	}
	return fault.passing
}

// follow yields the events of one connection. It returns why the connection ended, and false when
// the consumer wants no more.
func (f *feed) follow(ctx context.Context, yield func(*RoomEvent, error) bool) (*Error, bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(attemptTime, cancel) // a connection that says nothing is none
	defer silence.Stop()
	resp, fault := f.client.get(ctx, f.client.query.nodes[f.node].url, f.path, f.values(), ndjson, nil)
	if fault != nil {
		return fault, true
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	lines.Split(wholeLines)
	f.client.query.answered(f.node)
	for silence.Reset(2 * heartbeat); lines.Scan(); silence.Reset(2 * heartbeat) {
		silence.Stop() // the consumer may take its time
		e, fault := f.read(lines.Bytes())
		if fault != nil {
			return fault, true
		}
		if e != nil && !yield(e, nil) {
			return nil, false
		}
		if f.movesOn(ctx) {
			return nil, true
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return alien(lines.Err()), true
	}
	if ctx.Err() != nil {
		return unreachable(errSilent), true
	}
	return nil, true
}

var errSilent = errors.New("the feed has fallen silent")

// movesOn reports that the node is being drained and that another one can go on.
func (f *feed) movesOn(ctx context.Context) bool {
	nodes := f.client.query
	if len(nodes.nodes) == 1 {
		return false
	}
	f.client.look(ctx, f.node)
	return nodes.is(f.node) == leaving && nodes.left(1<<f.node)
}

func (f *feed) values() url.Values {
	values := url.Values{"after": {strconv.FormatInt(f.query.After, 10)}, "heartbeat": {heartbeat.String()}}
	if len(f.query.Rooms) > 0 {
		values.Set("rooms", join(f.query.Rooms))
	}
	if len(f.query.Types) > 0 {
		values.Set("types", strings.Join(f.query.Types, ","))
	}
	return values
}

// read takes in a line: the next event, or nil for what is none, or why the connection ends.
func (f *feed) read(line []byte) (*RoomEvent, *Error) {
	if len(line) == 0 {
		return nil, nil // a sign of life
	}
	if bytes.HasPrefix(line, []byte(`{"error":`)) {
		return nil, ofEnvelope(line) // the server's last word
	}
	if beat, ok := bytes.CutPrefix(line, []byte(`{"heartbeat":{"feed_seq":"`)); ok {
		f.reached(beat)
		return nil, nil
	}
	e := &RoomEvent{}
	if err := decodes.Unmarshal(line, e); err != nil {
		return nil, alien(err)
	}
	if fault := f.check(e); fault != nil {
		return nil, fault
	}
	if e.GetFeedSeq() <= f.query.After {
		return nil, nil
	}
	f.query.After = e.GetFeedSeq()
	f.client.memory.met(e.GetSnapshot())
	return e, nil
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
