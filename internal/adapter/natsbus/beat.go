package natsbus

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// beatSubject lies beside the stream's subjects: a beat that were kept would fill a quiet night, and prove
// nothing when it is read.
const beatSubject = "greenroom.beat"

// beatsWaiting bounds the beats that wait for a receiver; each says all that the ones before it said.
const (
	beatsWaiting = 16
	maxBeat      = 1024
)

// Beat implements relay.BeatCourier: all nodes that listen hear it, once, now or never. It heeds ctx, which Publish does
// not, see voice: the beats that go directly would be late with this one.
func (b *Bus) Beat(ctx context.Context, beat event.Beat) error {
	raw, err := wire.MarshalBeat(beat)
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() { sent <- b.conn.Publish(beatSubject, raw) }()
	select {
	case err = <-sent:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("natsbus: beat: %w", err)
	}
	return nil
}

// Beats implements project.Beats. It outlives the connection's faults.
func (b *Bus) Beats(ctx context.Context, hear func(event.Beat)) error {
	err := listen(ctx, b.conn, beatSubject, beatsWaiting, maxBeat, func(m *nats.Msg) {
		beat, err := wire.UnmarshalBeat(m.Data)
		if err != nil {
			b.cfg.Log.Warn("a message that is no beat is dropped", "bytes", len(m.Data), "error", err)
			return
		}
		hear(beat)
	})
	if err != nil {
		return fmt.Errorf("natsbus: listen to beats: %w", err)
	}
	return nil
}

// listen calls hear with each message under the subject until ctx ends, one after the other, and never after it has
// returned. So many wait, of so many bytes on average; the client drops those beyond.
func listen(ctx context.Context, conn *nats.Conn, subject string, waiting, bytes int, hear func(*nats.Msg)) error {
	var mu sync.Mutex
	ended := false
	sub, err := conn.Subscribe(subject, func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			hear(m)
		}
	})
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection has closed before us
	if err := sub.SetPendingLimits(waiting, waiting*bytes); err != nil {
		return err
	}
	<-ctx.Done()
	mu.Lock()
	defer mu.Unlock()
	ended = true
	return nil
}
