package memory

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Frontier is relay.Frontier.
func (s *Rooms) Frontier(ctx context.Context) (string, ident.FeedSeq, error) {
	h, err := s.Head(ctx)
	return h.Epoch, h.Seq + ident.FeedSeq(h.Pending), err
}

// Beat is relay.BeatCourier: who listens hears it, once, now or never.
func (b *Bus) Beat(ctx context.Context, beat event.Beat) error {
	b.mu.Lock()
	f := BusFault{}
	if b.cfg.BeatFault != nil {
		f = b.cfg.BeatFault(beat)
	}
	b.mu.Unlock()
	if f.Refuse != nil || f.Drop {
		return f.Refuse
	}
	for range 1 + f.Repeat {
		if f.Delay > 0 {
			time.AfterFunc(f.Delay, func() { b.tell(beat) })
			continue
		}
		b.tell(beat)
	}
	return ctx.Err()
}

func (b *Bus) tell(beat event.Beat) {
	b.mu.Lock()
	var all []func(event.Beat)
	for _, hear := range b.listeners {
		all = append(all, hear)
	}
	b.mu.Unlock()
	for _, hear := range all {
		hear(beat)
	}
}

// Beats is project.Beats.
func (b *Bus) Beats(ctx context.Context, hear func(event.Beat)) error {
	b.mu.Lock()
	if b.listeners == nil {
		b.listeners = map[int]func(event.Beat){}
	}
	b.joined++
	me := b.joined
	b.listeners[me] = hear
	b.mu.Unlock()
	<-ctx.Done()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, me)
	return nil
}
