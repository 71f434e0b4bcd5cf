package memory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

const (
	// busBatch is the largest batch, as in the real broker's adapter.
	busBatch = 256
	// busCapacity is how many unacknowledged messages a Bus keeps; the oldest go first.
	busCapacity = 1 << 16

	busFirstBackoff = 20 * time.Millisecond
	busMaxBackoff   = 5 * time.Second
)

// BusFault is what befalls one published event on its way. The zero value is none.
type BusFault struct {
	// Refuse makes Publish return it; the events before this one have arrived.
	Refuse error
	// Drop loses the event although it was acknowledged.
	Drop bool
	// Repeat delivers it so many times more, right behind.
	Repeat int
	// Delay lets whatever is published meanwhile overtake it.
	Delay time.Duration
}

// BusConfig of a Bus.
type BusConfig struct {
	// Fault decides about each published event; nil for a broker without faults. It is called in the
	// order of publishing, never concurrently, and must not call the Bus.
	Fault func(*event.RoomEvent) BusFault
	// BeatFault decides about each beat, as Fault does about events.
	BeatFault func(event.Beat) BusFault
	// Redelivered hears how many messages of a batch were handed over before. May be nil.
	Redelivered func(events int)
}

// Bus is relay.Bus and project.Queue in memory, with one durable consumer: a broker that
// outlives those who use it, for as long as the process. Safe for concurrent use; one Consume at
// a time. It waits only on channels and timers, so it works inside a testing/synctest bubble.
//
// It keeps no ids: a repeated publish is delivered twice, which receivers must bear anyway.
type Bus struct {
	cfg BusConfig

	mu       sync.Mutex
	position ident.FeedSeq
	queue    []busMessage // not yet acknowledged, in order of arrival
	first    uint64       // the number of queue[0]; numbers only grow
	offered  uint64       // below this number, messages were handed over at least once
	life     int          // +1 per Wipe: what was on its way then never arrives
	arrived  chan struct{}

	listeners map[int]func(event.Beat)
	joined    int
}

// busMessage is an event, or bytes that are none.
type busMessage struct {
	room  ident.RoomID
	event event.RoomEvent
	raw   []byte
}

// NewBus makes an empty broker.
func NewBus(cfg BusConfig) *Bus {
	if cfg.Fault == nil {
		cfg.Fault = func(*event.RoomEvent) BusFault { return BusFault{} }
	}
	if cfg.Redelivered == nil {
		cfg.Redelivered = func(int) {}
	}
	return &Bus{cfg: cfg, arrived: make(chan struct{}, 1)}
}

// Publish implements relay.Bus.
func (b *Bus) Publish(ctx context.Context, events []event.RoomEvent) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range events {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &events[i]
		f := b.cfg.Fault(e)
		if f.Refuse != nil {
			return f.Refuse
		}
		b.position = max(b.position, e.FeedSeq)
		if !f.Drop {
			b.send(busMessage{room: e.RoomID, event: *e}, f)
		}
	}
	return nil
}

// PublishRaw delivers bytes under a room's address, as a foreign publisher would.
func (b *Bus) PublishRaw(room ident.RoomID, raw []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.send(busMessage{room: room, raw: append([]byte{}, raw...)}, BusFault{})
}

// send is called with the lock held.
func (b *Bus) send(m busMessage, f BusFault) {
	copies := slices.Repeat([]busMessage{m}, 1+f.Repeat)
	if f.Delay <= 0 {
		b.arrive(copies)
		return
	}
	life := b.life
	time.AfterFunc(f.Delay, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if life == b.life {
			b.arrive(copies)
		}
	})
}

// arrive is called with the lock held.
func (b *Bus) arrive(messages []busMessage) {
	b.queue = append(b.queue, messages...)
	b.trim(len(b.queue) - busCapacity)
	select {
	case b.arrived <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// trim forgets the oldest n messages; called with the lock held.
func (b *Bus) trim(n int) {
	if n > 0 {
		clear(b.queue[:n]) // lets go of what they point to; append moves the rest in time
		b.queue = b.queue[n:]
		b.first += uint64(n)
	}
}

// Position implements relay.Bus.
func (b *Bus) Position(ctx context.Context) (ident.FeedSeq, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.position, ctx.Err()
}

// Wipe loses everything, as if the broker's folder had been deleted.
func (b *Bus) Wipe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.life++
	b.position = 0
	b.trim(len(b.queue))
}

// Consume implements project.Queue. It returns nil when ctx ends, and never before.
func (b *Bus) Consume(ctx context.Context, handle func(context.Context, []project.Delivery) error) error {
	backoff := busFirstBackoff
	for ctx.Err() == nil {
		batch, next := b.next()
		var wait <-chan time.Time
		if len(batch) > 0 {
			if handle(ctx, batch) == nil {
				b.acknowledge(next)
				backoff = busFirstBackoff
				continue
			}
			wait = time.After(backoff) // no jitter: one consumer, and simulations replay
			backoff = min(2*backoff, busMaxBackoff)
		}
		b.sleep(ctx, wait)
	}
	return nil
}

// sleep waits for the backoff, or without one for an arrival.
func (b *Bus) sleep(ctx context.Context, backoff <-chan time.Time) {
	arrived := b.arrived
	if backoff != nil {
		arrived = nil // new messages do not hurry a handler that fails
	}
	select {
	case <-ctx.Done():
	case <-backoff:
	case <-arrived:
	}
}

// next returns the oldest messages that are not acknowledged, and the number after them.
func (b *Bus) next() ([]project.Delivery, uint64) {
	b.mu.Lock()
	n := min(len(b.queue), busBatch)
	messages, first := slices.Clone(b.queue[:n]), b.first
	next := first + uint64(n)
	repeats := min(max(b.offered, first), next) - first
	b.offered = max(b.offered, next)
	b.mu.Unlock()

	if repeats > 0 {
		b.cfg.Redelivered(int(repeats))
	}
	now := time.Now()
	out := make([]project.Delivery, 0, n)
	for _, m := range messages {
		d := project.Delivery{Courier: station.Queue, Room: m.room, Event: m.event, ReceivedAt: now}
		if m.raw != nil {
			d.Raw, d.Unreadable = m.raw, errNoEvent
		}
		out = append(out, d)
	}
	return out, next
}

var errNoEvent = errors.New("memory: the message is no event")

// acknowledge forgets everything before a number. What a Wipe or the capacity took is gone already.
func (b *Bus) acknowledge(next uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if next > b.first {
		b.trim(int(next - b.first))
	}
}
