package natsbus

import (
	"context"
	"fmt"

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

// Beat implements relay.BeatCourier: all nodes that listen hear it, once, now or never.
func (b *Bus) Beat(_ context.Context, beat event.Beat) error {
	raw, err := wire.MarshalBeat(beat)
	if err != nil {
		return err
	}
	if err := b.conn.Publish(beatSubject, raw); err != nil {
		return fmt.Errorf("natsbus: beat: %w", err)
	}
	return nil
}

// Beats implements project.Beats. It outlives the connection's faults.
func (b *Bus) Beats(ctx context.Context, hear func(event.Beat)) error {
	sub, err := b.conn.Subscribe(beatSubject, func(m *nats.Msg) {
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
	defer func() { _ = sub.Unsubscribe() }() // fails only when the connection has closed before us
	if err := sub.SetPendingLimits(beatsWaiting, beatsWaiting*maxBeat); err != nil {
		return fmt.Errorf("natsbus: listen to beats: %w", err)
	}
	<-ctx.Done()
	return nil
}
