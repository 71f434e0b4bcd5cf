package natsbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// A page holds at most maxPage events, and none more once it has maxPageBytes.
const (
	maxPage      = 256
	maxPageBytes = 256 << 10
)

const (
	// ackTimeout ends the wait for a broker that neither answers nor hangs up.
	ackTimeout = 5 * time.Second
	// answerWithin bounds one question to the broker, a publish too. While a cluster elects a leader the answer to what
	// was asked before will never come, and the next attempt may be answered at once.
	answerWithin = 2 * time.Second
)

// Config of a Bus.
type Config struct {
	// Durable names the consumer whose position the broker keeps: one per zone, "project-<zone>".
	// Needed for Consume only.
	Durable string
	// Shard of the log whose stream this is; 0 is the only one today.
	Shard int
	// Home is the JetStream domain where the events are published, for a zone that has a server of its own: the stream
	// here is then a mirror of the one there. Empty: it is here.
	Home string
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
	conn    *nats.Conn
	js      jetstream.JetStream
	home    jetstream.JetStream // nil: it is here
	stream  string
	subject string
	cfg     Config
}

// New makes a Bus; it talks to nobody yet. The connection should reconnect for ever and fail
// fast meanwhile, as Embedded.Connect and ConnectOptions make it.
func New(conn *nats.Conn, cfg Config) (*Bus, error) {
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(answerWithin))
	if err != nil {
		return nil, fmt.Errorf("natsbus: %w", err)
	}
	b := &Bus{conn: conn, js: js, stream: Stream, subject: subject}
	if cfg.Shard > 0 {
		b.stream, b.subject = fmt.Sprintf("%s_%d", Stream, cfg.Shard), fmt.Sprintf("greenroom.shard.%d", cfg.Shard)
	}
	if cfg.Home != "" {
		if b.home, err = jetstream.NewWithDomain(conn, cfg.Home, jetstream.WithDefaultTimeout(answerWithin)); err != nil {
			return nil, fmt.Errorf("natsbus: %w", err)
		}
	}
	cfg.Replicas = cmp.Or(cfg.Replicas, 1)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 256<<20)
	if cfg.Redelivered == nil {
		cfg.Redelivered = func(int) {}
	}
	b.cfg = cfg
	return b, nil
}

// Publish implements relay.Bus. Events travel in pages, one message each: what a message costs the broker
// is shared by all that were committed meanwhile. A page goes out when the one before it is stored.
func (b *Bus) Publish(ctx context.Context, events []event.RoomEvent) error {
	if b.home != nil {
		return errMirror
	}
	for len(events) > 0 {
		m, n, err := nextPage(b.subject, events)
		if err == nil {
			err = b.asked(ctx, func(ctx context.Context) error { return b.publish(ctx, m) })
		}
		if err != nil {
			return fmt.Errorf("natsbus: publish %d events from feed_seq %d: %w", n, events[0].FeedSeq, err)
		}
		events = events[n:]
	}
	return nil
}

// publish stores one message; a stream that is gone, or is not as it should be, is made on the way.
func (b *Bus) publish(ctx context.Context, m *nats.Msg) error {
	_, err := b.js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
	if err == nil || ctx.Err() != nil || !b.conn.IsConnected() {
		return err
	}
	if _, err := b.ensureStream(ctx); err != nil {
		return err
	}
	_, err = b.js.PublishMsg(ctx, m)
	return err
}

// nextPage makes the message of the first events, and says how many they are. A card is a few KiB and
// the area tree is bounded by room.MaxAreas, so a page that is full, and one event more, fit into the
// broker's 1 MiB.
func nextPage(subject string, events []event.RoomEvent) (m *nats.Msg, n int, err error) {
	m = nats.NewMsg(subject)
	for n < len(events) && n < maxPage && len(m.Data) < maxPageBytes {
		if m.Data, err = wire.AppendEntry(m.Data, &events[n]); err != nil {
			return nil, n, err
		}
		n++
	}
	last := &events[n-1]
	m.Header.Set(jetstream.MsgIDHeader, messageID(&events[0])+"-"+messageID(last))
	m.Header.Set(headerFeedSeq, strconv.FormatInt(int64(last.FeedSeq), 10))
	m.Header.Set(headerEpoch, last.Epoch)
	return m, n, nil
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
