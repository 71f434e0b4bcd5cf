package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Stream is the stream of the log's shard 0, of pages of the log under one subject.
const (
	Stream  = "ROOM_EVENTS"
	subject = "greenroom.events"
)

// Headers beside Nats-Msg-Id, so that Position needs no decoding: of a page's last event.
const (
	headerFeedSeq = "Greenroom-Feed-Seq"
	headerEpoch   = "Greenroom-Epoch"
)

// dedupeWindow covers every retry of a publish whose acknowledgement was lost. The broker holds the
// ids of the window in memory; a repeat after it is stored twice, which Apply ignores.
const dedupeWindow = 2 * time.Minute

var (
	errDisconnected = errors.New("natsbus: the connection to the broker broke")
	errSilent       = errors.New("natsbus: the broker did not answer in time")
)

// messageID is the same for every attempt to publish the event. The epoch keeps a log that began anew from
// being mistaken for repeats of the old one, the place an event that cannot be read, and so has no version
// and no type, from being mistaken for another.
func messageID(e *event.RoomEvent) string { return e.ID() + "@" + e.Epoch + "/" + e.FeedSeq.String() }

// ensureStream returns the stream, made or brought to the present configuration when needed, where
// events are published.
//
// The stream is bounded by bytes alone. An age limit would empty the stream of a quiet night, and
// Position could no longer tell quiet from wiped.
func (b *Bus) ensureStream(ctx context.Context) (jetstream.Stream, error) {
	cfg := jetstream.StreamConfig{
		Name:        b.stream,
		Description: "Room events on their way to the views. Transport, never truth.",
		Subjects:    []string{b.subject},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxBytes:    b.cfg.MaxBytes,
		Duplicates:  dedupeWindow,
		Replicas:    b.cfg.Replicas,
	}
	// Making a stream that is there already changes nothing. An update that changes nothing would
	// not be free: nats-server 2.15 races it against the making of consumers.
	s, err := b.js.CreateStream(ctx, cfg)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		s, err = b.js.UpdateStream(ctx, cfg) // made by an older configuration
	}
	if err != nil {
		return nil, fmt.Errorf("natsbus: make stream: %w", err)
	}
	return s, nil
}

// Position is the feed_seq of the newest message, 0 when there is none of this log. An absent
// stream is made on the way, so that a relay that asks first finds it there when it publishes.
func (b *Bus) Position(ctx context.Context) (at ident.FeedSeq, err error) {
	if b.home != nil {
		return 0, errMirror
	}
	err = b.asked(ctx, func(ctx context.Context) error {
		at, err = b.position(ctx)
		return err
	})
	return at, err
}

func (b *Bus) position(ctx context.Context) (ident.FeedSeq, error) {
	s, err := b.js.Stream(ctx, b.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err := b.ensureStream(ctx)
		return 0, err
	}
	if err != nil {
		return 0, fmt.Errorf("natsbus: find stream: %w", err)
	}
	last, err := s.GetLastMsgForSubject(ctx, b.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("natsbus: read newest message: %w", err)
	}
	// A message of another log, or without our headers, proves nothing about this one. 0 makes the
	// relay publish again, which costs time but never an event.
	if b.cfg.Epoch != "" && last.Header.Get(headerEpoch) != b.cfg.Epoch {
		return 0, nil
	}
	n, err := strconv.ParseInt(last.Header.Get(headerFeedSeq), 10, 64)
	if err != nil {
		return 0, nil
	}
	return ident.FeedSeq(n), nil
}

// asked is tied, for a question that is answered soon or never.
func (b *Bus) asked(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, errSilent)
	defer cancel()
	return b.tied(ctx, f)
}

// tied runs f under a context that ends with the connection too: the broker never answers what it
// was asked on a connection that broke, and waiting for the caller's deadline would waste the time in
// which the next connection is long there.
func (b *Bus) tied(ctx context.Context, f func(context.Context) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	status := b.conn.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	go func() {
		defer b.conn.RemoveStatusListener(status)
		select {
		case <-status:
			end(errDisconnected)
		case <-ctx.Done():
		}
	}()
	err := f(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
