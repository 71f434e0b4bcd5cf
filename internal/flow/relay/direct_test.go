package relay_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// ingest is the C side's entrance: it takes, refuses, or hangs.
type ingest struct {
	mu    sync.Mutex
	got   []ident.RoomID
	calls []time.Time
	err   error
	hangs bool
}

func (i *ingest) Push(ctx context.Context, events []event.RoomEvent) error {
	i.mu.Lock()
	i.calls = append(i.calls, time.Now())
	err, hangs := i.err, i.hangs
	i.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, e := range events {
		i.got = append(i.got, e.RoomID)
	}
	return nil
}

func (i *ingest) set(change func(*ingest)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

func (i *ingest) seen() ([]ident.RoomID, []time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.got), slices.Clone(i.calls)
}

// courier is a direct courier with what it did not bring.
type courier struct {
	*relay.Direct
	to *ingest

	mu      sync.Mutex
	dropped map[string]int
}

func direct(t *testing.T, runs bool, test func(*courier)) {
	synctest.Test(t, func(t *testing.T) {
		c := &courier{to: &ingest{}, dropped: map[string]int{}}
		c.Direct = relay.NewDirect(c.to, slog.New(slog.DiscardHandler), func(n int, why string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.dropped[why] += n
		})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		if runs {
			go func() { done <- c.Run(ctx) }()
		} else {
			done <- nil
		}
		defer func() { // also after a Fatal: nobody is left in the bubble
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		test(c)
	})
}

func (c *courier) drops(why string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped[why]
}

func (c *courier) send(rooms ...ident.RoomID) {
	events := make([]event.RoomEvent, len(rooms))
	for i, id := range rooms {
		events[i].RoomID = id
	}
	c.Send(events)
}

func TestDirectBringsInOrder(t *testing.T) {
	direct(t, true, func(c *courier) {
		c.send(1, 2)
		c.send(3)
		synctest.Wait()
		if got, _ := c.to.seen(); !slices.Equal(got, []ident.RoomID{1, 2, 3}) {
			t.Errorf("brought %v", got)
		}
	})
}

// TestDirectIsBounded: with nobody to make the calls, Send returns all the same and drops what does not fit.
func TestDirectIsBounded(t *testing.T) {
	direct(t, false, func(c *courier) {
		for range 300 {
			c.send(1, 2)
		}
		if n := c.drops("queue full"); n != 2*(300-256) {
			t.Errorf("%d events were dropped, want those of 44 commits", n)
		}
	})
}

// TestDirectBudget: a call that hangs is given up after its budget, and only five in a row.
func TestDirectBudget(t *testing.T) {
	direct(t, true, func(c *courier) {
		c.to.hangs = true
		start := time.Now()
		for range 10 {
			c.send(1)
		}
		if time.Since(start) != 0 {
			t.Error("Send waited")
		}
		<-time.After(500 * time.Millisecond)
		_, calls := c.to.seen()
		if len(calls) != 5 || calls[4].Sub(start) != 4*20*time.Millisecond {
			t.Errorf("%d calls, at %v; want five, one budget of 20 ms after the other", len(calls), calls)
		}
		if c.drops("call failed") != 5 || c.drops("breaker open") != 5 {
			t.Errorf("dropped: %v", c.dropped)
		}
	})
}

func TestDirectBreaker(t *testing.T) {
	direct(t, true, func(c *courier) {
		c.to.err = errors.New("away")
		for range 5 {
			c.send(1)
		}
		synctest.Wait()
		opened := time.Now()
		count := func() int { _, calls := c.to.seen(); return len(calls) }
		c.send(1)
		<-time.After(time.Second - time.Millisecond)
		c.send(1)
		synctest.Wait()
		if n := count(); n != 5 {
			t.Fatalf("an open breaker let %d calls through", n-5)
		}
		<-time.After(time.Until(opened.Add(time.Second)))
		c.send(1) // one probe; it fails and the breaker stays open
		c.send(1)
		synctest.Wait()
		if n := count(); n != 6 {
			t.Fatalf("after the pause %d calls were made, want one probe", n-5)
		}
		c.to.set(func(i *ingest) { i.err = nil })
		<-time.After(time.Second)
		c.send(7)
		c.send(8)
		synctest.Wait()
		if got, _ := c.to.seen(); !slices.Equal(got, []ident.RoomID{7, 8}) {
			t.Errorf("a breaker that closed brought %v", got)
		}
		// Closed for good: it takes five failures again.
		c.to.set(func(i *ingest) { i.err, i.calls = errors.New("away"), nil })
		for range 7 {
			c.send(1)
		}
		synctest.Wait()
		if n := count(); n != 5 {
			t.Errorf("after it had closed, %d calls failed before it opened", n)
		}
	})
}
