package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	roomv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/room/v1"
	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

const (
	writers = 6
	readers = 2
	// pace is how often each writer sends a command, unless the one before is still on its way.
	pace = 4 * time.Millisecond
	// roomsEach bounds what one writer creates.
	roomsEach = 25
)

// ack is what a command was answered.
type ack struct {
	command string
	event   string // the type of the one event it must have made
	room    int64
	version int64
	title   string
	live    bool
	starts  int64
}

// traffic is broadcasters, viewers and a subscriber at work. Each room belongs to one writer, so
// that it knows what every answer must be.
type traffic struct {
	t      *testing.T
	client *greenroom.Client // patient: each call is repeated until it is answered
	once   *greenroom.Client // each call is tried once
	seed   uint64
	// excused says which errors a viewer may get in this test; nil for none.
	excused func(error) bool

	quit    chan struct{} // writers end after the command they are at
	writing sync.WaitGroup
	reading sync.WaitGroup
	stop    context.CancelFunc // all of them, at once

	mu       sync.Mutex
	acks     map[string]ack
	rooms    map[int64]ack // the newest of each
	ids      []int64       // of rooms, in the order of creation
	mark     int           // reached is closed when there are so many acks
	reached  chan struct{}
	followed []*greenroom.RoomEvent
	excuses  map[string]int
}

// drive starts the traffic. The seed decides what is written and read, not how it interleaves.
func drive(t *testing.T, g *harness.Greenroom, seed uint64, excused func(error) bool) *traffic {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	tr := &traffic{
		t: t, seed: seed, excused: excused, quit: make(chan struct{}), stop: stop,
		acks: map[string]ack{}, rooms: map[int64]ack{}, excuses: map[string]int{},
		client: greenroom.New(greenroom.CommandURL(g.CommandURL), greenroom.QueryURL(g.QueryURL), greenroom.Token(harness.Token),
			greenroom.Attempts(math.MaxInt), greenroom.Backoff(5*time.Millisecond, 100*time.Millisecond)),
		once: greenroom.New(greenroom.CommandURL(g.CommandURL), greenroom.QueryURL(g.QueryURL), greenroom.Token(harness.Token), greenroom.Attempts(1)),
	}
	t.Cleanup(func() {
		tr.stop() // of a test that failed, too: nobody may answer the writers any more
		tr.endWriters()
		tr.reading.Wait()
	})
	for n := range writers {
		w := &writer{tr, rand.New(rand.NewPCG(seed, uint64(n))), n, map[int64]ack{}}
		tr.writing.Go(func() { w.run(ctx) })
	}
	for n := range readers {
		r := &reader{tr, rand.New(rand.NewPCG(seed, uint64(100+n))), map[int64]int64{}}
		tr.reading.Go(func() { r.run(ctx) })
	}
	tr.reading.Go(func() { tr.follow(ctx) })
	return tr
}

// endWriters waits for the answer of every command that was begun.
func (tr *traffic) endWriters() {
	tr.mu.Lock()
	select {
	case <-tr.quit:
	default:
		close(tr.quit)
	}
	tr.mu.Unlock()
	tr.writing.Wait()
}

// after returns when so many more commands were acknowledged; false when the writers have given up.
func (tr *traffic) after(more int) bool {
	tr.mu.Lock()
	tr.mark, tr.reached = len(tr.acks)+more, make(chan struct{})
	reached := tr.reached
	tr.mu.Unlock()
	select {
	case <-reached:
		return true
	case <-time.After(harness.Deadline):
		return false
	}
}

// promises are the newest acknowledgements of all rooms at this moment.
func (tr *traffic) promises() map[int64]ack {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return maps.Clone(tr.rooms)
}

func (tr *traffic) record(a ack) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if _, known := tr.rooms[a.room]; !known {
		tr.ids = append(tr.ids, a.room)
	}
	tr.acks[a.command], tr.rooms[a.room] = a, a
	if tr.reached != nil && len(tr.acks) >= tr.mark {
		close(tr.reached)
		tr.reached = nil
	}
}

// writer is a broadcaster who knows what the rooms are like.
type writer struct {
	*traffic
	dice  *rand.Rand
	n     int
	rooms map[int64]ack
}

func (w *writer) run(ctx context.Context) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-w.quit:
			return
		case <-tick.C:
		}
		if err := w.next(ctx, fmt.Sprintf("w%d-%d", w.n, n)); err != nil {
			if ctx.Err() == nil {
				w.t.Errorf("writer %d, command %d: %v", w.n, n, err)
			}
			return
		}
	}
}

// next sends one command, under one Idempotency-Key and one id, until it is answered.
func (w *writer) next(ctx context.Context, command string) error {
	options := named(command)
	want := ack{command: command, version: 1, event: "RoomCreated", title: "room of " + command}
	var answer *greenroom.RoomResponse
	var err error
	if len(w.rooms) == 0 || (len(w.rooms) < roomsEach && w.dice.IntN(6) == 0) {
		answer, err = w.client.CreateRoom(ctx, &greenroom.NewRoom{Title: want.title, AnchorId: int64(w.n + 1), Tags: []string{"e2e"}}, options...)
		want.room = answer.GetRoom().GetId()
	} else {
		want = w.pick()
		want.command, want.version = command, want.version+1
		switch {
		case w.dice.IntN(2) == 0:
			want.event, want.title = "RoomRenamed", "renamed by "+command
			answer, err = w.client.UpdateRoom(ctx, want.room, &greenroom.RoomPatch{Title: &want.title}, nil, options...)
		case want.live:
			want.event, want.live = "LiveEnded", false
			answer, err = w.client.StopRoom(ctx, want.room, options...)
		default:
			want.event, want.live, want.starts = "WentLive", true, want.starts+1
			answer, err = w.client.StartRoom(ctx, want.room, options...)
		}
	}
	if err != nil {
		return err
	}
	w.rooms[want.room] = want
	w.record(want)
	return want.matches(answer.GetRoom())
}

// named gives a command its Idempotency-Key and its id, which the event will carry as its cause.
func named(command string) []greenroom.CallOption {
	return []greenroom.CallOption{greenroom.IdempotencyKey(command), func(h http.Header) { h.Set("X-Request-Id", command) }}
}

// pick chooses one of the writer's rooms, the same for the same seed.
func (w *writer) pick() ack {
	ids := slices.Sorted(maps.Keys(w.rooms))
	return w.rooms[ids[w.dice.IntN(len(ids))]]
}

// matches reports in what a room is not as it was acknowledged.
func (a ack) matches(r *greenroom.Room) error {
	live := r.GetLive().GetStatus() == roomv1.Live_LIVE
	if r.GetId() != a.room || r.GetVersion() != a.version || r.GetTitle() != a.title || live != a.live || r.GetLive().GetEpoch() != a.starts {
		return fmt.Errorf("the room is %v, want %+v", r, a)
	}
	return nil
}

// reader is a viewer: what it saw once it may not see older, or not at all.
type reader struct {
	*traffic
	dice *rand.Rand
	seen map[int64]int64
}

func (r *reader) run(ctx context.Context) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var err error
		if r.dice.IntN(2) == 0 {
			err = r.one(ctx)
		} else {
			err = r.batch(ctx)
		}
		if err != nil && ctx.Err() == nil && !r.excuse(err) {
			r.t.Errorf("a viewer: %v", err)
			return
		}
	}
}

// one looks at any room that was acknowledged, visible or not yet.
func (r *reader) one(ctx context.Context) error {
	r.mu.Lock()
	var id int64
	if n := len(r.ids); n > 0 {
		id = r.ids[r.dice.IntN(n)]
	}
	r.mu.Unlock()
	if id == 0 {
		return nil
	}
	room, err := r.once.GetRoom(ctx, id)
	if r.seen[id] == 0 && (greenroom.HasCode(err, "ROOM_NOT_FOUND") || greenroom.HasCode(err, "NOT_READY")) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.see(room.Room)
}

// batch looks at some of the rooms that it has seen before.
func (r *reader) batch(ctx context.Context) error {
	ids := slices.Sorted(maps.Keys(r.seen))
	r.dice.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	if ids = ids[:min(len(ids), 20)]; len(ids) == 0 {
		return nil
	}
	rooms, missing, err := r.once.Batch(ctx, ids...)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("rooms %d are gone, were seen before", missing)
	}
	for _, room := range rooms {
		if err := r.see(room); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) see(room *greenroom.Room) error {
	if room.GetVersion() < r.seen[room.GetId()] {
		return fmt.Errorf("room %d went back from version %d to %d", room.GetId(), r.seen[room.GetId()], room.GetVersion())
	}
	r.seen[room.GetId()] = room.GetVersion()
	return nil
}

func (tr *traffic) excuse(err error) bool {
	if tr.excused == nil || !tr.excused(err) {
		return false
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if e, ok := errors.AsType[*greenroom.Error](err); ok {
		tr.excuses[e.Code]++
	}
	return true
}

// follow is a subscriber who keeps one cursor over everything that happens.
func (tr *traffic) follow(ctx context.Context) {
	for e, err := range tr.once.Feed(ctx, greenroom.FeedQuery{}) {
		if err != nil {
			tr.t.Errorf("the subscriber: %v", err)
			return
		}
		tr.mu.Lock()
		tr.followed = append(tr.followed, e)
		tr.mu.Unlock()
	}
}

// whileDown excuses what viewers of a process that is down or starting get.
func whileDown(err error) bool {
	return greenroom.HasCode(err, greenroom.Unavailable) || greenroom.HasCode(err, "NOT_READY")
}
