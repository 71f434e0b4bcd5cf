package natsbus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
	"github.com/greenroomlive/greenroom/internal/wire"
)

const (
	// maxBatch is how many events are enough for one transaction of the views; the page that reaches it
	// is taken whole.
	maxBatch = 256
	// prefetch is how many pages are ready while others are handled: 8 MiB at most.
	prefetch = 32
	// maxAckPending, in pages, leaves room for what is prefetched, handled and on its way.
	maxAckPending = 4 * prefetch
	// ackWait is only a net below the sessions: it brings back what a process took and then neither
	// acknowledged nor rewound. A handler slower than this sees no repeats, they are recognized.
	ackWait = time.Minute
	// A pull that ends unanswered is noticed after two heartbeats.
	pullExpiry    = 10 * time.Second
	pullHeartbeat = time.Second

	firstBackoff = 20 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

var errMissed = errors.New("a delivery of the broker did not arrive")

// Consume implements project.Queue. It returns nil when ctx ends, and never before.
func (b *Bus) Consume(ctx context.Context, handle func(context.Context, []project.Delivery) error) error {
	// The handler's context is ours, not a session's: a connection that breaks is no reason to abandon
	// what has arrived, the more so if the broker will not remember it.
	c := consumption{Bus: b, handle: func(d []project.Delivery) error { return handle(ctx, d) }}
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		before := c.taken
		err := b.tied(ctx, c.session)
		if ctx.Err() != nil {
			return nil
		}
		if c.taken > before {
			backoff = firstBackoff // it worked in between: this is a new trouble
		}
		wait := backoff/2 + rand.N(backoff)
		b.cfg.Log.Warn("consuming from the broker is interrupted", "durable", b.cfg.Durable, "error", err, "retry_in", wait)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// consumption is what one Consume knows across its sessions. What was handled is not among it: the
// broker's acknowledgements say that, and sequence numbers alone cannot, since a broker that
// lost its newest messages gives their numbers out again.
type consumption struct {
	*Bus
	handle func([]project.Delivery) error
	taken  int // batches

	// For counting redeliveries: the stream's creation, and up to which message handle was called.
	born    time.Time
	offered uint64
}

// session receives from right after the newest acknowledged message until something goes wrong.
func (c *consumption) session(ctx context.Context) error {
	consumer, err := c.rewind(ctx)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	inbox := make(chan received, prefetch)
	pull, err := consumer.Consume(
		func(m jetstream.Msg) {
			select {
			case inbox <- received{m, time.Now()}:
			case <-ctx.Done():
			}
		},
		jetstream.PullMaxMessages(prefetch),
		jetstream.PullExpiry(pullExpiry),
		jetstream.PullHeartbeat(pullHeartbeat),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { end(err) }),
	)
	if err != nil {
		end(nil)
		return fmt.Errorf("natsbus: pull: %w", err)
	}
	defer func() {
		// The next session rewinds the consumer; nothing may go to this one's inbox after that.
		end(nil)
		pull.Stop()
		<-pull.Closed()
	}()
	if err := c.receive(ctx, inbox); ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}

// rewind finds or makes the consumer and sets it back to right after the newest acknowledged
// message, so that what was delivered beyond it comes again, in order.
func (c *consumption) rewind(ctx context.Context) (jetstream.Consumer, error) {
	stream, err := c.ensureStream(ctx)
	if err != nil {
		return nil, err
	}
	if born := stream.CachedInfo().Created; !born.Equal(c.born) {
		c.born, c.offered = born, 0
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:       c.cfg.Durable,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckAllPolicy,
		AckWait:       ackWait,
		MaxAckPending: maxAckPending,
		Replicas:      c.cfg.Replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("natsbus: make consumer: %w", err)
	}
	if _, err := stream.ResetConsumer(ctx, c.cfg.Durable); err != nil {
		return nil, fmt.Errorf("natsbus: rewind consumer: %w", err)
	}
	return consumer, nil
}

// received is a message with the moment it reached this process.
type received struct {
	jetstream.Msg
	at time.Time
}

// receive hands over whatever is there, at once, and acknowledges what was taken.
func (c *consumption) receive(ctx context.Context, inbox <-chan received) error {
	b := batch{consumption: c}
	for {
		b.clear()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case m := <-inbox:
			if err := b.add(m); err != nil {
				return err
			}
		}
		// A lone message goes at once; under load the channel is never empty and batches grow.
		for more := true; more && b.size < maxBatch; {
			select {
			case m := <-inbox:
				if err := b.add(m); err != nil {
					return err
				}
			default:
				more = false
			}
		}
		if err := b.deliver(ctx); err != nil {
			return err
		}
	}
}

// batch gathers messages in the order of the stream.
type batch struct {
	*consumption
	delivered uint64 // the broker's count of deliveries in this session
	seen      uint64 // the newest stream sequence in this session
	repeats   int
	size      int // events
	last      jetstream.Msg
	out       []project.Delivery
}

func (b *batch) clear() {
	// A new slice: handle may keep what it was given.
	b.repeats, b.size, b.last, b.out = 0, 0, nil, make([]project.Delivery, 0, 4)
}

// add takes a message, or drops it when the session has it already.
func (b *batch) add(m received) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("natsbus: %w", err)
	}
	// The broker numbers its deliveries without gaps since the rewind. Going on after a gap would
	// acknowledge what never arrived.
	if b.delivered++; meta.Sequence.Consumer != b.delivered {
		return fmt.Errorf("natsbus: delivery %d follows %d: %w", meta.Sequence.Consumer, b.delivered-1, errMissed)
	}
	if meta.Sequence.Stream <= b.seen {
		return nil
	}
	b.seen, b.last = meta.Sequence.Stream, m
	before := len(b.out)
	err = wire.EachEntry(m.Data(), func(room ident.RoomID, body []byte) { b.out = append(b.out, read(room, body, m.at)) })
	if err != nil {
		// Nobody can say whose events these were. The log has them all, and the feed's gap will ask for them.
		b.cfg.Log.Warn("what is no page of events is dropped", "stream_seq", b.seen, "bytes", len(m.Data()))
	}
	b.size += max(1, len(b.out)-before)
	if b.seen <= b.offered {
		b.repeats += len(b.out) - before
	}
	return nil
}

// read makes the delivery of one entry.
func read(room ident.RoomID, body []byte, at time.Time) project.Delivery {
	d := project.Delivery{Courier: station.Queue, Room: room, ReceivedAt: at}
	d.Event, d.Unreadable = wire.UnmarshalEvent(body)
	if d.Unreadable == nil && d.Event.RoomID != room {
		d.Unreadable = fmt.Errorf("event %s arrived under the address of room %s", d.Event.ID(), room)
	}
	if d.Unreadable != nil {
		d.Raw = body
	}
	return d
}

// deliver hands the batch over and acknowledges it. AckAll: one acknowledgement covers all before it.
func (b *batch) deliver(ctx context.Context) error {
	if b.last == nil {
		return nil
	}
	if b.repeats > 0 {
		b.cfg.Redelivered(b.repeats)
	}
	b.offered = max(b.offered, b.seen)
	if len(b.out) > 0 {
		if err := b.handle(b.out); err != nil {
			return fmt.Errorf("natsbus: %d events were not taken: %w", len(b.out), err)
		}
	}
	b.taken++
	// Waiting for the broker's answer costs one round trip per batch, and buys that a rewind never
	// brings back what was taken.
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	if err := b.last.DoubleAck(ctx); err != nil {
		return fmt.Errorf("natsbus: acknowledge: %w", err)
	}
	return nil
}
