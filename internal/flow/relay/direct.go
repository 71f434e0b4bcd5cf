package relay

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/guard/breaker"
)

const (
	// directQueue bounds the events that wait for one zone's calls; beyond it the queue alone carries them. It is what
	// some ten thousand commands a second leave behind in half a second.
	directQueue = 4096
	// directCall bounds what one call carries, unless a single commit brought more.
	directCall = 256
	// directBudget bounds one call.
	directBudget = 20 * time.Millisecond
)

// Why events were left to the queue.
const (
	DropFull    = "queue full"
	DropBreaker = "breaker open"
	DropFailed  = "call failed"
	DropOff     = "switched off"
)

// Drops are all reasons for which the direct courier leaves events to the queue.
func Drops() []string { return []string{DropFull, DropBreaker, DropFailed, DropOff} }

// Zone is a receiver of direct calls.
type Zone struct {
	Name   string
	Ingest Ingest
}

// DirectConfig is what a Direct is made of. Zones and Logger are required.
type DirectConfig struct {
	Zones []Zone
	// On says whether calls are made at all; it is asked once a commit, for all zones. Nil: always.
	On func() bool
	// Dropped is told how many events a zone was not brought, and why: one of Drops. Breaker is told the state
	// after each call, and after each that was refused. Both may be nil.
	Dropped func(zone string, n int, why string)
	Breaker func(zone string, s breaker.State)
	// Clock times the breaker's pauses, Jitter spreads them; both have defaults.
	Clock  func() time.Time
	Jitter func() float64
	Logger *slog.Logger
}

// Direct is the second courier: a call to the C side right after commit. Where the log is sequenced
// after commit it carries events that have no feed_seq yet, so that a view is fresh even while the sequencer
// or the broker is away. What it cannot bring in time it drops: the queue brings everything.
//
// Each zone has a courier of its own, with what waits for it, its calls and its breaker: one that is slow or dead
// costs the others and the commands nothing.
type Direct struct {
	on       func() bool
	couriers []*courier
}

// NewDirect wires the couriers; Run brings them to life.
func NewDirect(c DirectConfig) *Direct {
	if c.On == nil {
		c.On = func() bool { return true }
	}
	if c.Dropped == nil {
		c.Dropped = func(string, int, string) {}
	}
	if c.Breaker == nil {
		c.Breaker = func(string, breaker.State) {}
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	d := &Direct{on: c.On}
	for _, zone := range c.Zones {
		d.couriers = append(d.couriers, &courier{
			ingest: zone.Ingest, logger: c.Logger.With("zone", zone.Name), wake: make(chan struct{}, 1),
			dropped: func(n int, why string) { c.Dropped(zone.Name, n, why) },
			report:  func(s breaker.State) { c.Breaker(zone.Name, s) },
			breaker: breaker.New(breaker.Config{
				// Five calls that hang have cost the zone's own courier a tenth of a second. It is asked again soon: a
				// new projector takes three seconds to be there, and meanwhile a probe costs nobody anything.
				Window: 2 * time.Second, Minimum: 5, Ratio: 0.5, Pause: 250 * time.Millisecond, MaxPause: 2 * time.Second,
				Now: c.Clock, Jitter: c.Jitter,
			}),
		})
	}
	return d
}

// Send queues events that were just committed, for every zone. It never blocks, never fails, and keeps the slice, which
// must not change any more.
func (d *Direct) Send(events []event.RoomEvent) {
	on := d.on()
	for _, c := range d.couriers {
		switch {
		case !on:
			c.dropped(len(events), DropOff)
		case !c.put(events):
			c.dropped(len(events), DropFull)
		}
	}
}

// Run makes the calls, those of each zone one after the other so that each room's order is kept, until ctx ends.
func (d *Direct) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, c := range d.couriers {
		g.Go(func() error { return c.run(ctx) })
	}
	return g.Wait()
}

// courier brings events to one zone.
type courier struct {
	ingest  Ingest
	breaker *breaker.Breaker
	logger  *slog.Logger
	dropped func(n int, why string)
	report  func(breaker.State)
	wake    chan struct{}

	mu      sync.Mutex
	commits [][]event.RoomEvent // that wait, in their order
	waiting int                 // the events in them
}

// put lets a commit wait; false when there is no room for it.
func (c *courier) put(events []event.RoomEvent) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting+len(events) > directQueue {
		return false
	}
	c.commits = append(c.commits, events)
	c.waiting += len(events)
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
	return true
}

// take copies what waits, as much as one call carries: each courier says for itself when events left.
func (c *courier) take() []event.RoomEvent {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, events := 0, 0
	for n < len(c.commits) && (n == 0 || events+len(c.commits[n]) <= directCall) {
		events += len(c.commits[n])
		n++
	}
	out := slices.Concat(c.commits[:n]...)
	c.commits = slices.Delete(c.commits, 0, n)
	c.waiting -= events
	return out
}

func (c *courier) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		}
		for events := c.take(); len(events) > 0 && ctx.Err() == nil; events = c.take() {
			c.bring(ctx, events)
		}
	}
}

// bring makes one call, if the breaker lets it.
func (c *courier) bring(ctx context.Context, events []event.RoomEvent) {
	defer func() { c.report(c.breaker.State()) }()
	ticket, ok := c.breaker.Allow()
	if !ok {
		c.dropped(len(events), DropBreaker)
		return
	}
	err := c.call(ctx, events)
	if ctx.Err() != nil {
		c.breaker.Abandon(ticket) // a stop says nothing of the zone
		return
	}
	c.breaker.Done(ticket, err == nil)
	if err != nil {
		c.dropped(len(events), DropFailed)
		c.logger.Debug("relay: direct call failed, the queue will bring the events", "events", len(events), "error", err)
	}
}

func (c *courier) call(ctx context.Context, events []event.RoomEvent) error {
	ctx, cancel := context.WithTimeout(ctx, directBudget)
	defer cancel()
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i := range events {
		events[i].PublishedAt = now
	}
	return c.ingest.Push(ctx, events)
}
