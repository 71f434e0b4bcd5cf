package bustest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// patience ends a wait that will not be rewarded; it is no measurement.
const patience = 20 * time.Second

var errRefused = errors.New("bustest: the handler refuses")

// consumer runs Consume and keeps what its handler took.
type consumer struct {
	t      *testing.T
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	changed chan struct{}
	all     []project.Delivery // taken, in order
	widest  int
	refused int
	fail    int // so many batches are refused, every other one
	calls   int
	limit   int // beyond so many deliveries every batch is refused; negative for none
}

func consume(t *testing.T, q project.Queue) *consumer { return start(t, q, 0, -1) }

// consumeFailing refuses n batches.
func consumeFailing(t *testing.T, q project.Queue, n int) *consumer { return start(t, q, n, -1) }

// consumeUpTo refuses every batch once it has taken n deliveries.
func consumeUpTo(t *testing.T, q project.Queue, n int) *consumer { return start(t, q, 0, n) }

func start(t *testing.T, q project.Queue, fail, limit int) *consumer {
	ctx, cancel := context.WithCancel(context.Background())
	c := &consumer{t: t, cancel: cancel, done: make(chan error, 1), changed: make(chan struct{}, 1), fail: fail, limit: limit}
	go func() { c.done <- q.Consume(ctx, c.handle) }()
	t.Cleanup(c.stop)
	return c
}

func (c *consumer) handle(_ context.Context, batch []project.Delivery) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}()
	c.calls++
	if (c.refused < c.fail && c.calls%2 == 1) || (c.limit >= 0 && len(c.all) >= c.limit) {
		c.refused++
		return errRefused
	}
	c.widest = max(c.widest, len(batch))
	for i := range batch {
		batch[i].Open()
	}
	c.all = append(c.all, batch...)
	return nil
}

// stop ends Consume and checks that it ends well; a second call does nothing.
func (c *consumer) stop() {
	c.t.Helper()
	c.cancel()
	select {
	case err, first := <-c.done:
		if first {
			close(c.done)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			c.t.Errorf("consume ended with %v", err)
		}
	case <-time.After(patience):
		c.t.Fatal("consume does not end with its context")
	}
}

// wait returns when the condition holds; it is looked at after each batch.
func (c *consumer) wait(what string, holds func() bool) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		ok, n := holds(), len(c.all)
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-c.changed:
		case <-deadline:
			c.t.Fatalf("waited in vain for %s; %d deliveries were taken", what, n)
		}
	}
}

// until waits until all these events were taken.
func (c *consumer) until(events []event.RoomEvent) {
	c.t.Helper()
	missing := make(map[string]bool, len(events))
	for i := range events {
		missing[events[i].ID()] = true
	}
	looked := 0
	c.wait("all events", func() bool {
		for ; looked < len(c.all); looked++ {
			delete(missing, c.all[looked].Event.ID())
		}
		return len(missing) == 0
	})
}

func (c *consumer) untilRefused() {
	c.t.Helper()
	c.wait("a batch to refuse", func() bool { return c.refused > 0 })
}

func (c *consumer) seen() []project.Delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.all)
}

func (c *consumer) taken() int    { return len(c.seen()) }
func (c *consumer) largest() int  { c.mu.Lock(); defer c.mu.Unlock(); return c.widest }
func (c *consumer) failures() int { c.mu.Lock(); defer c.mu.Unlock(); return c.refused }

// inOrder checks that each room's versions only ever went up by one.
func (c *consumer) inOrder() {
	c.t.Helper()
	newest := map[ident.RoomID]ident.Version{}
	for _, d := range c.seen() {
		if v, known := newest[d.Room]; known && d.Event.Version != v+1 {
			c.t.Fatalf("room %s: version %d was taken after %d", d.Room, d.Event.Version, v)
		}
		newest[d.Room] = d.Event.Version
	}
}

// firstsInOrder checks the same, but forgives repeats of what was taken before.
func (c *consumer) firstsInOrder() {
	c.t.Helper()
	newest := map[ident.RoomID]ident.Version{}
	for _, d := range c.seen() {
		v, known := newest[d.Room]
		if known && d.Event.Version > v+1 {
			c.t.Fatalf("room %s: version %d was taken after %d", d.Room, d.Event.Version, v)
		}
		newest[d.Room] = max(v, d.Event.Version)
	}
}

func publish(t *testing.T, bus relay.Bus, events []event.RoomEvent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := bus.Publish(ctx, events); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

func wantPosition(t *testing.T, bus relay.Bus, want ident.FeedSeq) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if got, err := bus.Position(ctx); err != nil || got != want {
		t.Fatalf("position is %d, %v; want %d", got, err, want)
	}
}

// eventually repeats an attempt until it succeeds; it must itself fail no faster than it can be repeated.
func eventually(t *testing.T, what string, attempt func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !attempt(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
