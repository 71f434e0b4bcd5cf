package relay

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// beatEvery is the resolution of freshness while nothing changes, and how soon a view learns that it lacks
	// an event that both couriers lost.
	beatEvery = 250 * time.Millisecond
	// beatWithin bounds one beat. The next one says more, so none is waited for.
	beatWithin = 200 * time.Millisecond
)

// Frontier says how far the log goes.
type Frontier interface {
	// Frontier is the feed_seq that the newest committed event has, or will get: everything committed
	// before the call has at most that one.
	Frontier(ctx context.Context) (epoch string, seq ident.FeedSeq, err error)
}

// BeatCourier brings beats to the C side: all of its nodes, or the one it stands for. Losing them,
// repeating them and bringing them late is allowed; keeping them for later is not.
type BeatCourier interface {
	Beat(ctx context.Context, b event.Beat) error
}

// Heart tells the C side at least once a second what must have arrived there by now. Without it a view that
// hears nothing cannot tell a quiet night from a broken line.
type Heart struct {
	log      Frontier
	couriers []BeatCourier
	clock    func() time.Time
	logger   *slog.Logger
}

// NewHeart wires a heart; each beat goes by all couriers at once.
func NewHeart(log Frontier, clock func() time.Time, logger *slog.Logger, couriers ...BeatCourier) *Heart {
	return &Heart{log: log, couriers: couriers, clock: clock, logger: logger}
}

// Run beats until ctx ends.
func (h *Heart) Run(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if err := h.beat(ctx); err != nil && ctx.Err() == nil {
			h.logger.Debug("relay: no beat, readers are shown as older until the next one", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *Heart) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatWithin)
	defer cancel()
	at := h.clock() // before the log is asked: what commits meanwhile is not promised
	epoch, seq, err := h.log.Frontier(ctx)
	if err != nil {
		return err
	}
	var all errgroup.Group // at once: a zone that hangs must not make the others look old
	for _, c := range h.couriers {
		all.Go(func() error { return c.Beat(ctx, event.Beat{Epoch: epoch, Seq: seq, At: at}) })
	}
	return all.Wait()
}
