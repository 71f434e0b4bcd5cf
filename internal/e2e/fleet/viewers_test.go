package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// viewer reads from one node, one thing after the other: the node may never go back, nor be older than it says.
type viewer struct {
	*load
	node asked
	seen map[int64]int64
}

func (v viewer) look(ctx context.Context, dice *rand.Rand) {
	v.gate.RLock()
	defer v.gate.RUnlock()
	room := v.book.pick(dice)
	if room == 0 {
		return
	}
	v.sky.sent(&v.sky.reads)
	since, called := time.Now(), v.book.now()
	once, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var err error
	if dice.IntN(3) == 0 {
		err = v.batch(once, v.book.some(dice, batchOf))
	} else {
		err = v.one(once, room, since, called)
	}
	if err == nil {
		v.sky.well(&v.sky.reads, since)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	v.sky.failed(&v.sky.reads, v.node.process, since, err)
	again, stop := context.WithTimeout(ctx, persistence)
	defer stop()
	_, err = v.again[v.node.zone].GetRoom(again, room)
	if greenroom.HasCode(err, notFound) {
		err = nil // not yet
	}
	if ctx.Err() == nil {
		v.sky.again(&v.sky.reads, err)
	}
}

const notFound = "ROOM_NOT_FOUND"

// slack is for what a header rounds: an age is told in whole milliseconds.
const slack = 5 * time.Millisecond

func (v viewer) one(ctx context.Context, room int64, since time.Time, called time.Duration) error {
	got, err := v.node.client.GetRoom(ctx, room)
	if greenroom.HasCode(err, notFound) {
		v.absent(room)
		return nil
	}
	if err != nil {
		return err
	}
	v.sky.aged(v.node.process, v.node.zone, since, got.Age)
	v.saw(got.Room)
	// Everything that was committed that long ago has to be in the answer.
	if owed := v.book.owed(room, called-got.Age-slack); got.GetVersion() < owed {
		v.book.lie("%s shows room %d at version %d as of %v ago; %d had been acknowledged by then", v.node.process, room, got.GetVersion(), got.Age, owed)
	}
	return nil
}

func (v viewer) batch(ctx context.Context, ids []int64) error {
	rooms, missing, err := v.node.client.Batch(ctx, ids...)
	for _, r := range rooms {
		v.saw(r)
	}
	for _, id := range missing {
		v.absent(id)
	}
	return err
}

func (v viewer) saw(r *greenroom.Room) {
	if before := v.seen[r.GetId()]; r.GetVersion() < before {
		v.book.lie("%s showed room %d at version %d and then at %d", v.node.process, r.GetId(), before, r.GetVersion())
	}
	v.seen[r.GetId()] = max(v.seen[r.GetId()], r.GetVersion())
}

// absent: a room that was made a moment ago may not be visible yet, one that was seen has to be.
func (v viewer) absent(room int64) {
	if v.seen[room] > 0 {
		v.book.lie("%s showed room %d at version %d and then not at all", v.node.process, room, v.seen[room])
	}
}

// crawl reads the whole live list; a room may be on one of its pages only.
func (l *load) crawl(ctx context.Context, dice *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, persistence)
	defer cancel()
	zone := []string{"a", "b"}[dice.IntN(2)]
	seen, q := map[int64]bool{}, greenroom.LiveQuery{PageSize: 20}
	for pages := 1; ; pages++ {
		rooms, next, err := l.again[zone].Live(ctx, q)
		if err != nil { // with the node went the snapshot: one begins anew
			return
		}
		for _, r := range rooms {
			if seen[r.GetId()] {
				l.book.lie("a crawl in zone %s met room %d twice", zone, r.GetId())
			}
			seen[r.GetId()] = true
		}
		if q.PageToken = next; next == "" {
			l.sky.crawled(pages)
			return
		}
	}
}

// follower keeps one cursor over everything that happens.
type follower struct {
	*load
	name string
	urls []string

	mu  sync.Mutex
	got []event
}

func (f *follower) record() []event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

func (f *follower) cursor() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.got) == 0 {
		return 0
	}
	return f.got[len(f.got)-1].Seq
}

func (f *follower) take(e event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, e)
}

// run follows as somebody does who has no client of ours: by the bare protocol, at one node until that breaks or
// falls silent, and at its neighbour then. Nothing drops a repeat.
func (f *follower) run(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		f.follow(ctx, f.urls[n%len(f.urls)])
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// silence ends a connection that says less than the heartbeats it was asked for.
const silence = 3 * time.Second

func (f *follower) follow(ctx context.Context, url string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alarm := time.AfterFunc(silence, cancel)
	defer alarm.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/feed?heartbeat=1s&after=%d", url, f.cursor()), nil)
	if err != nil {
		return
	}
	req.Header.Set("Accept", "application/x-ndjson")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer func() { _ = res.Body.Close() }() // read as far as it went
	if res.StatusCode != http.StatusOK {
		return // a node that has not come as far, or has just started
	}
	for lines := bufio.NewReader(res.Body); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // what has no end comes again, whole
		}
		alarm.Reset(silence)
		if e, ok := parseEvent(line); ok {
			f.take(e)
		}
	}
}

// parseEvent reads a line of the feed; false for a sign of life.
func parseEvent(line []byte) (event, bool) {
	var e event
	err := json.Unmarshal(line, &e)
	return e, err == nil && e.Seq > 0
}

// runClient follows with our client, which has to see to everything itself.
func (f *follower) runClient(ctx context.Context, c *greenroom.Client) {
	for e, err := range c.Feed(ctx, greenroom.FeedQuery{}) {
		if err != nil {
			f.book.lie("%s was ended: %v", f.name, err)
			return
		}
		line, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(e)
		if err != nil {
			f.book.lie("%s: %v", f.name, err)
			return
		}
		if got, ok := parseEvent(line); ok {
			f.take(got)
		}
	}
}
