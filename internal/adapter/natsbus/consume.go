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
		c.ended = err
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

// consumption is what one Consume knows across its sessions.
type consumption struct {
	*Bus
	handle func([]project.Delivery) error
	taken  int   // batches
	ended  error // why the last session did

	// Of the stream that was made at born: the newest message that the broker said is acknowledged, and the newest
	// with which handle was called, for counting redeliveries.
	born           time.Time
	floor, offered uint64

	// reached is the newest place in the log that was taken, mended the one behind which a mirror was made anew.
	reached, mended place
}

// session receives from right after the newest acknowledged message until something goes wrong.
func (c *consumption) session(ctx context.Context) error {
	stream, consumer, err := c.rewind(ctx)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	if c.home != nil {
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			end(c.watchMirror(ctx, stream))
		}()
		defer func() { end(nil); <-watched }()
	}
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

// rewind makes the consumer anew, right after the newest acknowledged message, so that what was delivered beyond it
// comes again, in order. Setting it back in place would not do: where leaf nodes may come in, a server goes on for two
// seconds to answer pull requests of sessions that have ended, and what it sends there is delivered to nobody.
func (c *consumption) rewind(ctx context.Context) (jetstream.Stream, jetstream.Consumer, error) {
	stream, err := c.source(ctx)
	if err != nil {
		return nil, nil, err
	}
	if born := stream.CachedInfo().Created; !born.Equal(c.born) {
		c.born, c.offered, c.floor = born, 0, 0
	}
	if err := c.takeFloor(ctx, stream); err != nil {
		return nil, nil, err
	}
	if err := stream.DeleteConsumer(ctx, c.cfg.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, nil, fmt.Errorf("natsbus: delete consumer: %w", err)
	}
	cfg := jetstream.ConsumerConfig{
		Durable:       c.cfg.Durable,
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckAllPolicy,
		AckWait:       ackWait,
		MaxAckPending: maxAckPending,
		Replicas:      c.cfg.Replicas,
	}
	if c.floor > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, c.floor+1
	}
	consumer, err := stream.CreateConsumer(ctx, cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("natsbus: make consumer: %w", err)
	}
	return stream, consumer, nil
}

// source is the stream to consume.
func (c *consumption) source(ctx context.Context) (jetstream.Stream, error) {
	switch {
	case c.home == nil:
		return c.ensureStream(ctx)
	case errors.Is(c.ended, errStrayed):
		return c.makeMirror(ctx, 0)
	case errors.Is(c.ended, errStuck):
		return c.makeMirror(ctx, c.floor+1) // what comes before was taken
	default:
		return c.ensureMirror(ctx)
	}
}

// takeFloor learns from the broker what is acknowledged. When the consumer is not there, because the last rewind came
// no farther, this process remembers; when it does not either, everything comes again, and is recognized.
func (c *consumption) takeFloor(ctx context.Context, stream jetstream.Stream) error {
	consumer, err := stream.Consumer(ctx, c.cfg.Durable)
	switch {
	case err == nil:
		// One that has acknowledged nothing yet may say 0, wherever it began.
		info := consumer.CachedInfo()
		c.floor = max(info.AckFloor.Stream, max(info.Config.OptStartSeq, 1)-1)
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return fmt.Errorf("natsbus: find consumer: %w", err)
	}
	// A broker that lost its newest messages gives their numbers out again.
	info, err := stream.Info(ctx)
	if err != nil {
		return fmt.Errorf("natsbus: ask the stream: %w", err)
	}
	c.floor = min(c.floor, info.State.LastSeq)
	return nil
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
	end       place // of what is in out, or was taken
}

func (b *batch) clear() {
	// A new slice: handle may keep what it was given.
	b.repeats, b.size, b.last, b.out = 0, 0, nil, make([]project.Delivery, 0, 4)
	b.end = b.reached
}

// add takes a message, or drops it when the session has it already.
func (b *batch) add(m received) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("natsbus: %w", err)
	}
	// The broker numbers a consumer's deliveries without gaps. Going on after a gap would
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
	if err := b.follows(b.out[before:]); err != nil {
		return err
	}
	b.size += max(1, len(b.out)-before)
	if b.seen <= b.offered {
		b.repeats += len(b.out) - before
	}
	return nil
}

// read makes the delivery of one entry, which is read whole when somebody needs it.
func read(room ident.RoomID, body []byte, at time.Time) project.Delivery {
	d := project.Delivery{Courier: station.Queue, Room: room, ReceivedAt: at, Raw: body}
	if d.Event, d.Unreadable = wire.EventMark(body); d.Unreadable == nil {
		d.Read = wire.UnmarshalEvent
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
	b.taken, b.reached = b.taken+1, b.end
	// Waiting for the broker's answer costs one round trip per batch, and buys that a rewind never
	// brings back what was taken.
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	if err := b.last.DoubleAck(ctx); err != nil {
		return fmt.Errorf("natsbus: acknowledge: %w", err)
	}
	b.floor = b.seen
	return nil
}
