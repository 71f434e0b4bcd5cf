package relay

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
)

const (
	// directQueue bounds the commits that wait for the direct call; beyond it the queue alone carries them.
	directQueue = 256
	// directBudget bounds one call.
	directBudget = 20 * time.Millisecond
	// directFailures opens the breaker, directPause keeps it open.
	directFailures = 5
	directPause    = time.Second
)

// Direct is the second courier: a call to the C side right after commit. Where the log is sequenced
// after commit it carries events that have no feed_seq yet, so that a view is fresh even while the sequencer
// or the broker is away. What it cannot bring in time it drops: the queue brings everything.
type Direct struct {
	ingest Ingest
	logger *slog.Logger
	queue  chan []event.RoomEvent
	// dropped is told how many events were not brought, and why; a metric.
	dropped func(n int, why string)
}

// NewDirect wires the courier; dropped may be nil.
func NewDirect(ingest Ingest, logger *slog.Logger, dropped func(n int, why string)) *Direct {
	if dropped == nil {
		dropped = func(int, string) {}
	}
	return &Direct{ingest: ingest, logger: logger, queue: make(chan []event.RoomEvent, directQueue), dropped: dropped}
}

// Send queues events that were just committed. It never blocks and never fails.
func (d *Direct) Send(events []event.RoomEvent) {
	select {
	case d.queue <- events:
	default:
		d.dropped(len(events), "queue full")
	}
}

// Run makes the calls, one after the other so that each room's order is kept, until ctx ends.
func (d *Direct) Run(ctx context.Context) error {
	failed := 0
	var closedAgain time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case events := <-d.queue:
			if failed >= directFailures && time.Now().Before(closedAgain) {
				d.dropped(len(events), "breaker open")
				continue
			}
			if err := d.call(ctx, events); err != nil {
				failed++
				closedAgain = time.Now().Add(directPause)
				d.dropped(len(events), "call failed")
				d.logger.Debug("relay: direct call failed, the queue will bring the events", "events", len(events), "error", err)
				continue
			}
			failed = 0
		}
	}
}

func (d *Direct) call(ctx context.Context, events []event.RoomEvent) error {
	ctx, cancel := context.WithTimeout(ctx, directBudget)
	defer cancel()
	events = slices.Clone(events) // each courier says for itself when they left
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i := range events {
		events[i].PublishedAt = now
	}
	return d.ingest.Push(ctx, events)
}
