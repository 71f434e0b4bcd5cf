package queryapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/door/queryapi"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// forgetful is an L2 that loses every third write and every tenth question.
type forgetful struct {
	*memory.Second
	n atomic.Int64
}

var errAway = errors.New("away")

func (f *forgetful) Fetch(ctx context.Context, ids []ident.RoomID) ([]query.Kept, error) {
	if f.n.Add(1)%10 == 0 {
		return nil, errAway
	}
	return f.Second.Fetch(ctx, ids)
}

func (f *forgetful) Offer(ctx context.Context, entries []query.Kept) error {
	if f.n.Add(1)%3 == 0 {
		return errAway
	}
	return f.Second.Offer(ctx, entries)
}

// crowdedOut is an L1 that is full of others: a room off air leaves as soon as it came.
type crowdedOut struct{ *memory.Cache }

func (c crowdedOut) Get(id ident.RoomID) (*query.Entry, bool) {
	e, ok := c.Cache.Get(id)
	return e, ok && e.OnAir
}

// Put replaces the room, and what it replaced is gone: there is nothing to compare the next one with.
func (c crowdedOut) Put(e *query.Entry) *query.Entry {
	if have, ok := c.Get(e.ID); ok && have.Version > e.Version {
		return have
	}
	c.Clear()
	return c.Cache.Put(e)
}

// churn is a door over three rooms that change a hundred times a second each. L1 is too small for them, so that those
// off air are loaded again and again, from L2 or from L3, while events overtake the loads.
type churn struct {
	*shelf
	rooms     *query.Rooms
	addr      string
	committed [4]atomic.Int64 // the newest version of each room
	loaded    sync.Map        // what came of the questions behind L1
}

const changes = 150

func newChurn(t *testing.T) *churn {
	t.Helper()
	c := &churn{shelf: &shelf{entries: map[ident.RoomID]*query.Entry{}, cards: map[ident.RoomID]view.RoomCard{}, provenAt: time.Now()}}
	var opened atomic.Bool
	c.rooms = query.New(query.Config{
		Cache: crowdedOut{memory.NewCache()}, Second: &forgetful{Second: memory.NewSecond()}, Views: c.shelf, Freshness: c.shelf,
		Now: func() time.Time {
			if !opened.Load() {
				return time.Now().Add(-time.Minute) // the node has run for a while: it believes L2
			}
			return time.Now()
		},
		CountBehind: func(what string, n int) {
			count, _ := c.loaded.LoadOrStore(what, &atomic.Int64{})
			count.(*atomic.Int64).Add(int64(n))
		},
	})
	opened.Store(true)
	ln := listen(t)
	c.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { run(t, c.rooms.RunSecond(ctx)) })
	door := queryapi.NewHTTP(queryapi.Config{
		Rooms: c.rooms, Feed: feed.New(feed.Config{Store: c.shelf}), Ready: c.Ready, Log: slog.New(slog.DiscardHandler),
	}, ln)
	running.Go(func() { run(t, door.Run(ctx)) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return c
}

// change commits the next version of a room. Its title says the version, so that a torn answer contradicts itself.
func (c *churn) change(id ident.RoomID) {
	v := ident.Version(c.committed[id].Load() + 1)
	card := view.RoomCard{ID: id, Version: v, Title: "v" + v.String(), UpdatedAt: time.Now()}
	if v%8 == 0 {
		card.Live = view.LiveState{Status: view.Live, StartedAt: time.Now()}
	}
	c.set(func() { c.cards[id] = card })
	c.committed[id].Store(int64(v)) // from here on a reader may see it
	c.rooms.Changed([]view.RoomCard{card}, nil, false)
}

// get reads a room over a connection and returns the version on which all parts of the answer agree.
func (c *churn) get(conn net.Conn, r *bufio.Reader, id ident.RoomID, least int64) (int64, error) {
	if _, err := fmt.Fprintf(conn, "GET /v1/rooms/%d HTTP/1.1\r\nHost: x\r\nX-Room-Min-Version: %d\r\n\r\n", id, least); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%d %s", resp.StatusCode, body)
	}
	var is struct {
		Room struct{ ID, Version, Title string }
	}
	if err := json.Unmarshal(body, &is); err != nil {
		return 0, fmt.Errorf("%s: %w", body, err)
	}
	v := is.Room.Version
	if is.Room.ID != strconv.Itoa(int(id)) || is.Room.Title != "v"+v || resp.Header.Get("X-Room-Version") != v || resp.Header.Get("ETag") != `"`+v+`"` {
		return 0, fmt.Errorf("torn: %s with headers %v", body, resp.Header)
	}
	return strconv.ParseInt(v, 10, 64)
}

// read reads until the changes are over.
func (c *churn) read(t *testing.T, seed uint64, over *atomic.Bool) (reads int) {
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	r, rng := bufio.NewReader(conn), rand.New(rand.NewPCG(seed, 1))
	var seen [4]int64
	for ; !over.Load() || reads < changes; reads++ {
		id := ident.RoomID(rng.IntN(3) + 1)
		least := int64(1)
		if rng.IntN(4) == 0 {
			least = c.committed[id].Load() // the version that a command has just returned
		}
		v, err := c.get(conn, r, id, least)
		switch newest := c.committed[id].Load(); {
		case err != nil:
			t.Error(err)
			return reads
		case v < seen[id]:
			t.Errorf("room %d went back from version %d to %d on one connection", id, seen[id], v)
		case v < least:
			t.Errorf("room %d version %d, asked for %d or newer", id, v, least)
		case v > newest:
			t.Errorf("room %d version %d, but only %d was committed", id, v, newest)
		}
		seen[id] = max(seen[id], v)
	}
	return reads
}

func TestReadsAreMonotonicOnEachConnectionWhileRoomsChange(t *testing.T) {
	c := newChurn(t)
	for id := range ident.RoomID(3) {
		c.change(id + 1)
	}
	var over atomic.Bool
	var readers sync.WaitGroup
	var reads atomic.Int64
	for seed := range uint64(8) {
		readers.Go(func() { reads.Add(int64(c.read(t, seed, &over))) })
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range changes {
		<-tick.C
		for id := range ident.RoomID(3) {
			c.change(id + 1)
		}
	}
	over.Store(true)
	readers.Wait()
	behind := map[any]int64{}
	c.loaded.Range(func(what, n any) bool { behind[what] = n.(*atomic.Int64).Load(); return true })
	for _, what := range []string{query.FoundL2, query.DoubtedL2, query.LoadedL3} {
		if behind[what] == 0 {
			t.Errorf("the test did not meet %s: %v", what, behind)
		}
	}
	t.Logf("%d reads of rooms with %d changes; behind L1: %v", reads.Load(), 3*changes, behind)
}
