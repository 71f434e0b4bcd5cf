package sim

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// faults are the odds of each fault, per step or per event.
type faults struct {
	crash, commitLost, ackLost, refuse, drop, repeat, delay, viewRefuses, unanswered float64
}

// drawFaults gives every seed its own weather: some calm, some with one fault only, some wild.
func drawFaults(r *rand.Rand) faults {
	odds := func(most float64) float64 {
		if r.IntN(3) == 0 {
			return 0
		}
		return most * r.Float64()
	}
	return faults{
		crash: odds(0.004), commitLost: odds(0.05), ackLost: odds(0.05), refuse: odds(0.1),
		drop: odds(0.3), repeat: odds(0.3), delay: odds(0.3), viewRefuses: odds(0.05), unanswered: odds(0.05),
	}
}

// terms are short so that a run sees many leases and graces end.
var terms = room.Terms{Lease: 5 * time.Second, Grace: 8 * time.Second}

// world is everything that outlives a life.
type world struct {
	seed   uint64
	faults faults

	mu    sync.Mutex
	notes []string

	rooms *memory.Rooms
	views *memory.Views
	bus   *memory.Bus
	news  memory.News
	// switches are obeyed by all lives: what operators turned outlives a crash.
	switches *switches.Set

	lifeMu sync.Mutex
	now    *life
	lives  int
	starts []time.Time
	// emptied counts how often room_c began anew.
	emptied atomic.Int64
	// followers are those who watch the feed, at the process with the projector and at the node.
	followers []*follower
	// zones are those elsewhere, which hear of everything by a line of their own.
	zones []*zone

	acks     []ack // what was acknowledged
	known    []ident.RoomID
	keys     map[ident.RoomID]string
	retired  map[ident.RoomID]string // a key that was acknowledged to open nothing any more
	policies map[ident.RoomID]room.PublisherPolicy
	holders  map[ident.RoomID]*holder
	wrong    []string // what must not happen, and did
}

// ack is an acknowledged command.
type ack struct {
	command string
	room    ident.RoomID
	version ident.Version
}

func newWorld(seed uint64) *world {
	w := &world{seed: seed, faults: drawFaults(newDice(seed, "weather").rand), rooms: memory.NewRooms(fmt.Sprintf("sim-%d", seed)), views: memory.NewViews(),
		switches: switches.New(switches.Config{Store: memory.NewSwitches(), Logger: slog.New(slog.DiscardHandler)}),
		keys:     map[ident.RoomID]string{}, retired: map[ident.RoomID]string{}, policies: map[ident.RoomID]room.PublisherPolicy{}, holders: map[ident.RoomID]*holder{}}
	store, viewStore, broker := newDice(seed, "store"), newDice(seed, "views"), newDice(seed, "broker")
	w.rooms.Clock = clock
	w.rooms.Fail = func(step memory.Step) error {
		switch {
		case (step == memory.BeforeCommit || step == memory.BeforeSequence) && store.chance(w.faults.commitLost):
			return fault.StoreUnavailable.New("sim: the commit failed")
		case (step == memory.AfterCommit || step == memory.AfterSequence) && store.chance(w.faults.ackLost):
			return fault.StoreUnavailable.New("sim: the connection broke after the commit")
		}
		return nil
	}
	w.views.Fail = func(project.Batch) error {
		if viewStore.chance(w.faults.viewRefuses) {
			return fault.StoreUnavailable.New("sim: room_c refuses")
		}
		return nil
	}
	pulse := newDice(seed, "beats")
	w.bus = memory.NewBus(memory.BusConfig{
		Fault:     func(*event.RoomEvent) memory.BusFault { return w.busFault(broker) },
		BeatFault: func(event.Beat) memory.BusFault { return w.busFault(pulse) },
	})
	return w
}

func (w *world) busFault(d *dice) memory.BusFault {
	var f memory.BusFault
	if d.chance(w.faults.refuse) {
		f.Refuse = fmt.Errorf("sim: the broker refuses")
	}
	f.Drop = d.chance(w.faults.drop)
	if d.chance(w.faults.repeat) {
		f.Repeat = 1 + d.intN(3)
	}
	if d.chance(w.faults.delay) {
		f.Delay = time.Duration(d.intN(3000)) * time.Millisecond
	}
	return f
}

// clock is the bubble's, moved to where ids are minted from.
func clock() time.Time { return time.Now().AddDate(26, 10, 0) }

// note keeps what happened, for a seed that fails.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, clock().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// violated records what must not happen.
func (w *world) violated(format string, args ...any) {
	w.note("VIOLATED "+format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// start begins a life on what the engines hold.
func (w *world) start() {
	w.lifeMu.Lock()
	defer w.lifeMu.Unlock()
	w.lives++
	w.starts = append(w.starts, clock())
	d := newDice(w.seed, fmt.Sprint("life ", w.lives))
	l := &life{w: w, dice: d, done: make(chan struct{})}
	l.screen = &screen{}
	l.Corridor = app.NewCorridor(app.CorridorConfig{
		Engines: app.Engines{Rooms: rooms{w.rooms, l}, Views: views{w.views, l}, Bus: bus{w.bus, l}, L1: memory.NewCache(), Index: memory.NewIndex()},
		Node:    w.lives, Terms: terms, Clock: clock, Random: d.bytes, Jitter: d.float, Switches: w.switches,
		Logger: slog.New(slog.DiscardHandler),
	})
	l.screen.fresh, l.screen.reads, l.screen.feed = l.Projector, l.Reads, l.Feed
	ctx, end := context.WithCancel(context.Background())
	l.end = end
	w.now = l
	go func() {
		defer close(l.done)
		_ = l.Run(ctx) // a life ends by its crash; what it leaves behind is checked, not its last word
	}()
}

// alive returns the running life, or nil between two.
func (w *world) alive() *life {
	w.lifeMu.Lock()
	defer w.lifeMu.Unlock()
	if w.now == nil || w.now.dead.Load() {
		return nil
	}
	return w.now
}

// screen is that of the running life, or nil between two.
func (w *world) screen() *screen {
	if l := w.alive(); l != nil {
		return l.screen
	}
	return nil
}

// followed is until when all who follow the feed have it.
func (w *world) followed() (at int64) {
	for i, f := range w.followers {
		if seen := f.at.Load(); i == 0 || seen < at {
			at = seen
		}
	}
	return at
}

// keep starts the process again whenever it has crashed, until ctx ends.
func (w *world) keep(ctx context.Context) {
	d := newDice(w.seed, "keeper")
	for ctx.Err() == nil {
		if w.alive() == nil {
			down := time.Duration(d.intN(2000)) * time.Millisecond
			if d.intN(4) == 0 {
				down += terms.Lease // every lease ends meanwhile, and no publisher can renew
			}
			pause(ctx, down)
			w.start()
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// pause lets virtual time pass.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// try repeats one command until it has an answer that stays: done, or refused. A fault that a
// retry may help, and a crash, are tried again with the same Idempotency-Key.
func try[T any](ctx context.Context, w *world, d *dice, do func(*life, command.Meta) (T, error)) (T, string, error) {
	id := fmt.Sprintf("c%x", d.uint64())
	meta := command.Meta{Caller: command.Caller{Subject: "ops", Anchor: 1, Scopes: []command.Scope{command.ScopeOps}}, IdempotencyKey: id, CommandID: id}
	for {
		if l := w.alive(); l != nil {
			out, err := do(l, meta)
			if err == nil || (fault.Of(err).Code != fault.Internal && !fault.Of(err).Code.Retryable) || fault.Of(err).Code == fault.AlreadyLive {
				return out, id, err
			}
		}
		if ctx.Err() != nil {
			var none T
			return none, id, ctx.Err()
		}
		pause(ctx, time.Duration(50+d.intN(400))*time.Millisecond)
	}
}
