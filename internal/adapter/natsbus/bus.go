package natsbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// publishWindow is how many events are on their way without an acknowledgement: enough to keep
// the broker busy during a round trip, little enough to send again.
const publishWindow = 256

// ackTimeout ends the wait for a broker that neither answers nor hangs up.
const ackTimeout = 5 * time.Second

// Config of a Bus.
type Config struct {
	// Durable names the consumer whose position the broker keeps: one per zone, "project-<zone>".
	// Needed for Consume only.
	Durable string
	// Epoch names the log whose positions count; empty accepts any.
	Epoch string
	// Replicas of stream and consumer: 1 embedded, 3 in a cluster. Default 1.
	Replicas int
	// MaxBytes bounds the stream on disk; the oldest events go first. Default 256 MiB, some
	// 300,000 events: more is caught up from the log anyway.
	MaxBytes int64
	Log      *slog.Logger
	// Redelivered hears how many events of a batch were handed over before; it must not block. May be nil.
	Redelivered func(events int)
}

// Bus is relay.Bus and project.Queue on a connection. It does not own the connection.
type Bus struct {
	conn *nats.Conn
	js   jetstream.JetStream
	cfg  Config
}

// New makes a Bus; it talks to nobody yet. The connection should reconnect for ever and fail
// fast meanwhile, as Embedded.Connect and ConnectOptions make it.
func New(conn *nats.Conn, cfg Config) (*Bus, error) {
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncTimeout(ackTimeout))
	if err != nil {
		return nil, fmt.Errorf("natsbus: %w", err)
	}
	cfg.Replicas = cmp.Or(cfg.Replicas, 1)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 256<<20)
	if cfg.Redelivered == nil {
		cfg.Redelivered = func(int) {}
	}
	return &Bus{conn: conn, js: js, cfg: cfg}, nil
}

// Publish implements relay.Bus.
func (b *Bus) Publish(ctx context.Context, events []event.RoomEvent) error {
	for window := range slices.Chunk(events, publishWindow) {
		err := b.publishWindow(ctx, window)
		if err != nil && ctx.Err() == nil && b.conn.IsConnected() {
			// The stream is gone, or the chain broke where it went. One at a time needs no chain,
			// and what did arrive is dropped as a repeat.
			err = b.tied(ctx, func(ctx context.Context) error { return b.publishInTurn(ctx, window) })
		}
		if err != nil {
			return fmt.Errorf("natsbus: publish %d events from feed_seq %d: %w", len(window), window[0].FeedSeq, err)
		}
	}
	return nil
}

// publishWindow sends all events, then waits for all acknowledgements. Each event but the first is
// stored only directly after the one before it, so a failure in the middle fails the rest.
func (b *Bus) publishWindow(ctx context.Context, events []event.RoomEvent) error {
	acks := make([]jetstream.PubAckFuture, 0, len(events))
	var sendErr error
	for i := range events {
		m, err := message(&events[i])
		if err == nil && i > 0 {
			m.Header.Set(jetstream.ExpectedLastMsgIDHeader, messageID(&events[i-1]))
		}
		var ack jetstream.PubAckFuture
		if err == nil {
			ack, err = b.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
		}
		if err != nil {
			sendErr = err
			break
		}
		acks = append(acks, ack)
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return sendErr
}

func (b *Bus) publishInTurn(ctx context.Context, events []event.RoomEvent) error {
	if _, err := b.ensureStream(ctx); err != nil {
		return err
	}
	for i := range events {
		m, err := message(&events[i])
		if err != nil {
			return err
		}
		if _, err := b.js.PublishMsg(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// message makes the broker's form of an event. A card is a few KiB and the area tree is bounded by
// room.MaxAreas, so everything fits into the broker's 1 MiB.
func message(e *event.RoomEvent) (*nats.Msg, error) {
	payload, err := wire.MarshalEvent(e)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", e.ID(), err)
	}
	m := nats.NewMsg(subject(e.RoomID))
	m.Data = payload
	m.Header.Set(jetstream.MsgIDHeader, messageID(e))
	m.Header.Set(headerFeedSeq, strconv.FormatInt(int64(e.FeedSeq), 10))
	m.Header.Set(headerEpoch, e.Epoch)
	return m, nil
}

// ConnectOptions are what a Bus needs of its connection: it reconnects for ever, and whatever is asked
// of it meanwhile fails at once, so that its callers back off instead of filling a hidden buffer.
func ConnectOptions(name string, log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.Name(name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			log.Debug("disconnected from the broker", "connection", name, "error", err)
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Debug("reconnected to the broker", "connection", name) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if !errors.Is(err, nats.ErrConnectionClosed) {
				log.Warn("the broker's connection reports an error", "connection", name, "error", err)
			}
		}),
	}
}
