package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// The load: what two cores carry beside the twenty processes of the fleet.
const (
	writers       = 12
	betweenWrites = 250 * time.Millisecond
	strongReaders = 2
	betweenStrong = 100 * time.Millisecond
	viewers       = 2 // at each of the four nodes, so that one may wait for a room that nobody knows yet
	betweenReads  = 40 * time.Millisecond
	betweenCrawls = 500 * time.Millisecond
	batchOf       = 20

	// patience is what one attempt may take, persistence what a call may with all its attempts.
	patience    = 3 * time.Second
	persistence = 30 * time.Second
)

// asked is a process with a client that knows no other.
type asked struct {
	process, zone string
	client        *greenroom.Client
}

// load is broadcasters and viewers at work, until its context ends.
type load struct {
	y    *yard
	book *book
	sky  *weather
	// gate is held for reading by each operation, and for writing by whoever wants them to hold still.
	gate sync.RWMutex
	// doors take commands, nodes show rooms.
	doors, nodes []asked
	// again are clients with a list of zones, by the one that is near.
	again     map[string]*greenroom.Client
	followers []*follower
	working   sync.WaitGroup
	stop      context.CancelFunc
}

func begin(y *yard) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{y: y, book: newBook(), sky: newWeather(), again: map[string]*greenroom.Client{}, stop: stop}
	zones := map[string]*greenroom.Zone{}
	for _, zone := range []string{"a", "b"} {
		zones[zone] = &greenroom.Zone{Name: zone}
		for _, m := range y.of("xanchor", zone) {
			l.doors = append(l.doors, asked{m.Process, zone, l.client(greenroom.CommandURL(m.url("command")), greenroom.Attempts(1))})
			zones[zone].Command = append(zones[zone].Command, m.url("command"))
		}
		for _, m := range y.of("xroom", zone) {
			l.nodes = append(l.nodes, asked{m.Process, zone, l.client(greenroom.QueryURL(m.url("query")), greenroom.Attempts(1))})
			zones[zone].Query = append(zones[zone].Query, m.url("query"))
		}
	}
	l.again["a"] = l.client(greenroom.Zones(*zones["a"], *zones["b"]), greenroom.Attempts(20))
	l.again["b"] = l.client(greenroom.Zones(*zones["b"], *zones["a"]), greenroom.Attempts(20))
	for n := range writers {
		l.every(ctx, betweenWrites, n, l.write)
	}
	for n := range strongReaders {
		l.every(ctx, betweenStrong, 100+n, l.readStrongly)
	}
	for i := range viewers * len(l.nodes) {
		v := viewer{l, l.nodes[i/viewers], map[int64]int64{}}
		l.every(ctx, betweenReads, 200+i, v.look)
	}
	l.every(ctx, betweenCrawls, 300, l.crawl)
	for _, zone := range []string{"a", "b"} {
		f := &follower{load: l, name: "the subscriber in zone " + zone, urls: zones[zone].Query}
		l.followers = append(l.followers, f)
		l.working.Go(func() { f.run(ctx) })
	}
	f := &follower{load: l, name: "the client's subscriber"}
	l.followers = append(l.followers, f)
	l.working.Go(func() { f.runClient(ctx, l.again["b"]) })
	return l
}

func (l *load) client(options ...greenroom.Option) *greenroom.Client {
	return greenroom.New(append(options, greenroom.Token(l.y.token))...)
}

// end waits for all that is at work.
func (l *load) end() {
	l.stop()
	l.working.Wait()
}

// newDice throws other numbers for each seed, and in each run: ids must not repeat on a fleet that was kept.
func newDice(seed int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(seed)))
}

// every does something at a steady pace: what takes longer than a turn skips turns.
func (l *load) every(ctx context.Context, turn time.Duration, seed int, do func(context.Context, *rand.Rand)) {
	dice := newDice(seed)
	l.working.Go(func() {
		tick := time.NewTicker(turn)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				do(ctx, dice)
			}
		}
	})
}

// write sends one command, and once more by another way when that fails.
func (l *load) write(ctx context.Context, dice *rand.Rand) {
	l.gate.RLock()
	defer l.gate.RUnlock()
	o := l.draw(dice)
	l.book.begin(o)
	l.sky.sent(&l.sky.commands)
	to, since := l.doors[dice.IntN(len(l.doors))], time.Now()
	err := l.send(ctx, patience, to.client, o)
	if err == nil {
		l.sky.well(&l.sky.commands, since)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	l.sky.failed(&l.sky.commands, to.process, since, err)
	if o.room != 0 && dice.IntN(4) == 0 {
		l.sky.left(&l.sky.commands)
		return
	}
	if err := l.send(ctx, persistence, l.again[to.zone], o); ctx.Err() == nil {
		l.sky.again(&l.sky.commands, err)
	}
}

// draw makes up a command.
func (l *load) draw(dice *rand.Rand) *operation {
	o := &operation{id: fmt.Sprintf("%016x", dice.Uint64()), room: l.book.pick(dice)}
	switch n := dice.IntN(100); {
	case n < 5 || o.room == 0:
		o.deed, o.room = creates, 0
	case n < 50:
		o.deed = renames
	case n < 70:
		o.deed = starts
	case n < 90:
		o.deed = stops
	default:
		o.deed = keys
	}
	o.title = string(o.deed) + " " + o.id
	return o
}

// send makes a command's attempts, and tells the book what came of it. An error means that nobody knows.
func (l *load) send(ctx context.Context, within time.Duration, c *greenroom.Client, o *operation) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	options := []greenroom.CallOption{greenroom.IdempotencyKey(o.id), func(h http.Header) { h.Set("X-Request-Id", o.id) }}
	var answer *greenroom.RoomResponse
	var err error
	switch o.deed {
	case creates:
		answer, err = c.CreateRoom(ctx, &greenroom.NewRoom{Title: o.title, AnchorId: 7}, options...)
	case renames:
		answer, err = c.UpdateRoom(ctx, o.room, &greenroom.RoomPatch{Title: &o.title}, nil, options...)
	case starts:
		answer, err = c.StartRoom(ctx, o.room, options...)
	case stops:
		answer, err = c.StopRoom(ctx, o.room, options...)
	case keys:
		made, err := c.CreateKey(ctx, o.room, o.id, options...)
		if err == nil {
			l.book.minted(o, made.GetKey().GetKeyId())
			return nil
		}
		return l.refusal(o, err)
	}
	if err != nil {
		return l.refusal(o, err)
	}
	l.book.answered(o, answer.GetRoom().GetId(), stateOf(answer.GetRoom()))
	return nil
}

// refusal is nil for a fault that says for good that nothing has happened.
func (l *load) refusal(o *operation, err error) error {
	e, ok := errors.AsType[*greenroom.Error](err)
	if !ok || e.Retryable || slices.Contains([]string{"DEADLINE_EXCEEDED", greenroom.Unavailable}, e.Code) {
		return err
	}
	l.book.refuse(o)
	l.book.lie("%s %s of room %d was refused: %v", o.deed, o.id, o.room, err) // none of ours deserves it
	return nil
}

func stateOf(r *greenroom.Room) state {
	return state{r.GetVersion(), r.GetTitle(), r.GetLive().GetStatus().String() == onAir}
}

// readStrongly reads a room from B, or from C at least the newest version that anybody was answered: both have to be
// as of a moment between the question and the answer.
func (l *load) readStrongly(ctx context.Context, dice *rand.Rand) {
	l.gate.RLock()
	defer l.gate.RUnlock()
	o := &operation{deed: reads, room: l.book.pick(dice)}
	if o.room == 0 {
		return
	}
	l.book.begin(o)
	l.sky.sent(&l.sky.reads)
	to := l.doors[dice.IntN(len(l.doors))]
	read := func(ctx context.Context, c *greenroom.Client) (*greenroom.Room, error) {
		a, err := c.OwnRoom(ctx, o.room)
		return a.GetRoom(), err
	}
	if dice.IntN(2) == 0 {
		to = l.nodes[dice.IntN(len(l.nodes))]
		least := greenroom.MinVersion(l.book.newest(o.room)) // asked for after the read has begun
		read = func(ctx context.Context, c *greenroom.Client) (*greenroom.Room, error) {
			seen, err := c.GetRoom(ctx, o.room, least)
			if err != nil {
				return nil, err
			}
			return seen.Room, nil
		}
	}
	room, err := l.insist(ctx, to, &l.sky.reads, read)
	if err == nil {
		l.book.answered(o, o.room, stateOf(room))
	}
}

// insist asks one process, and when that fails with the list of zones.
func (l *load) insist(ctx context.Context, to asked, t *tally, read func(context.Context, *greenroom.Client) (*greenroom.Room, error)) (*greenroom.Room, error) {
	since := time.Now()
	once, cancel := context.WithTimeout(ctx, patience)
	room, err := read(once, to.client)
	cancel()
	if err == nil {
		l.sky.well(t, since)
	}
	if err == nil || ctx.Err() != nil {
		return room, err
	}
	l.sky.failed(t, to.process, since, err)
	more, cancel := context.WithTimeout(ctx, persistence)
	defer cancel()
	room, err = read(more, l.again[to.zone])
	if ctx.Err() == nil {
		l.sky.again(t, err)
	}
	return room, err
}
