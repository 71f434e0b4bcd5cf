// Package relay takes committed events out of the B side: the only way out, and only after commit.
//
// Two loops share the work. The sequencer gives feed_seq to what is committed, in commit order, or takes
// over what the store sequenced itself; exactly one may run against a log. The publisher hands sequenced events to the queue, in that
// order, from where the broker stands: a broker that was wiped is filled again, one that is gone is
// waited for, and the log loses nothing meanwhile. Beside them the direct courier (direct.go) calls the
// C side right after a commit. Nothing here can make a command fail or wait.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

const (
	// batch bounds how many events are sequenced or published at once.
	batch = 512
	// lookEvery finds what a lost signal would hide: an event that another process committed.
	lookEvery = 250 * time.Millisecond
	// refill is how many of the newest events a wiped broker is given again: consumers that were ahead
	// skip them, those that were behind read the rest from the log.
	refill = 10_000
	// publishWithin bounds one batch's wait for the broker.
	publishWithin = 5 * time.Second

	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 2 * time.Second
)

// Config is what a Relay is made of.
type Config struct {
	Log Log
	Bus Bus
	// On says whether the queue is fed; while it is not, events are sequenced and kept. Nil: always.
	On       func() bool
	Observer station.Observer
	Logger   *slog.Logger
	// Clock stamps PublishedAt; Jitter gives numbers in [0,1) that keep retries of many relays apart.
	Clock  func() time.Time
	Jitter func() float64
}

// Relay runs the sequencer and the publisher.
type Relay struct {
	log      Log
	bus      Bus
	on       func() bool
	observer station.Observer
	logger   *slog.Logger
	clock    func() time.Time
	jitter   func() float64

	wake chan struct{}
	// fresh are sequenced events on their way to the publisher, saving it a read of the log.
	fresh chan []event.RoomEvent
	// published is the newest position the broker has acknowledged.
	published atomic.Int64
}

// New wires a relay. Call Committed after each commit to wake it at once.
func New(c Config) *Relay {
	r := &Relay{log: c.Log, bus: c.Bus, on: c.On, observer: c.Observer, logger: c.Logger, clock: c.Clock, jitter: c.Jitter,
		wake: make(chan struct{}, 1), fresh: make(chan []event.RoomEvent, 1)}
	if r.on == nil {
		r.on = func() bool { return true }
	}
	if r.clock == nil {
		r.clock = time.Now
	}
	if r.jitter == nil {
		r.jitter = rand.Float64
	}
	if r.observer == nil {
		r.observer = station.Discard{}
	}
	return r
}

// Committed says that there may be events to sequence. It never blocks.
func (r *Relay) Committed() {
	select {
	case r.wake <- struct{}{}:
	default: // a look is due anyway
	}
}

// Published is the newest feed_seq the broker has acknowledged.
func (r *Relay) Published() ident.FeedSeq { return ident.FeedSeq(r.published.Load()) }

// Run sequences and publishes until ctx ends.
func (r *Relay) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.sequenceAll(ctx) })
	g.Go(func() error { return r.publishAll(ctx) })
	return g.Wait()
}

func (r *Relay) sequenceAll(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	wait := backoff{jitter: r.jitter}
	for {
		n, err := r.sequence(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.logger.Warn("relay: cannot sequence, will try again", "error", err)
			if wait.sleep(ctx) != nil {
				return nil
			}
			continue
		case n == batch:
			continue // there is more
		}
		wait.last = 0
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-tick.C:
		}
	}
}

// sequence gives feed_seq to one batch of committed events.
func (r *Relay) sequence(ctx context.Context) (int, error) {
	events, err := r.log.Sequence(ctx, batch)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	now := r.clock()
	for i := range events {
		r.observer.Passed(station.Passage{Station: station.Sequenced, Event: &events[i], At: now})
	}
	select {
	case <-r.fresh: // the publisher is behind: of the newest it sees that it must read the log in between
	default:
	}
	r.fresh <- events // has room: nobody else sends
	return len(events), nil
}

// publishAll keeps the broker at the log's head.
func (r *Relay) publishAll(ctx context.Context) error {
	var at ident.FeedSeq
	known := false // where the broker stands
	wait := backoff{jitter: r.jitter}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var next []event.RoomEvent
	for {
		var err error
		on := r.on()
		if on && !known {
			at, err = r.standing(ctx)
		}
		if on && err == nil {
			at, err = r.publishFrom(ctx, at, next)
		}
		known = on // switched on again, it goes on from where the broker stands then
		next = nil
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.logger.Warn("relay: the broker does not take events, will try again", "after", at, "error", err)
			known = false // it may be another one when it answers again
			if wait.sleep(ctx) != nil {
				return nil
			}
			continue
		}
		wait.last = 0
		select {
		case <-ctx.Done():
			return nil
		case next = <-r.fresh:
		case <-tick.C:
			known = false // a broker that was wiped between two events is found within a tick
		}
	}
}

// standing asks the broker where it stands; one that is new gets the newest part of the log again.
func (r *Relay) standing(ctx context.Context) (ident.FeedSeq, error) {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	at, err := r.bus.Position(ctx)
	if err != nil {
		return 0, err
	}
	head, err := r.log.End(ctx)
	if err != nil {
		return 0, err
	}
	if at > head {
		at = 0 // it holds another log's events
	}
	r.published.Store(int64(at))
	return max(at, head-refill), nil
}

// publishFrom publishes everything after at; fresh, when it continues from at, saves the first read.
func (r *Relay) publishFrom(ctx context.Context, at ident.FeedSeq, fresh []event.RoomEvent) (ident.FeedSeq, error) {
	events := fresh
	if len(events) == 0 || events[0].FeedSeq != at+1 {
		var err error
		if events, err = r.log.After(ctx, at, batch); err != nil {
			return at, err
		}
	}
	for len(events) > 0 && r.on() {
		if err := r.publish(ctx, events); err != nil {
			return at, err
		}
		at = events[len(events)-1].FeedSeq
		r.published.Store(int64(at))
		if len(events) < batch {
			break
		}
		var err error
		if events, err = r.log.After(ctx, at, batch); err != nil {
			return at, err
		}
	}
	return at, nil
}

// publish hands one batch to the broker and waits until it has all of it.
func (r *Relay) publish(ctx context.Context, events []event.RoomEvent) error {
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	now := r.clock().UTC().Truncate(time.Millisecond)
	for i := range events {
		events[i].PublishedAt = now
	}
	if err := r.bus.Publish(ctx, events); err != nil {
		return err
	}
	acked := r.clock()
	for i := range events {
		r.observer.Passed(station.Passage{Station: station.Published, Event: &events[i], At: acked})
	}
	return nil
}

// backoff doubles from firstBackoff to lastBackoff, with jitter so that many relays do not beat in time.
type backoff struct {
	jitter func() float64
	last   time.Duration
}

func (b *backoff) sleep(ctx context.Context) error {
	b.last = min(max(2*b.last, firstBackoff), lastBackoff)
	t := time.NewTimer(b.last/2 + time.Duration(b.jitter()*float64(b.last/2)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return errors.New("relay: stopped")
	case <-t.C:
		return nil
	}
}
