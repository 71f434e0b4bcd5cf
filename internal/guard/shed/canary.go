package shed

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// sampleEvery is how often the canary is sent: some 10 µs of work, a fifth of a percent of a core.
const sampleEvery = 5 * time.Millisecond

// Canary measures how long a request waits before it is read, by standing in the same line: a byte in a
// pipe, which the kernel lists among the ready sockets and the scheduler among the ready goroutines like
// anybody's request. Timers that fire late and the runtime's own histogram of scheduling see the second
// queue only, and under overload the first one is the long one: the runtime takes 128 ready sockets at a
// time and leaves the others, however many, in the kernel.
type Canary struct {
	// Shedder hears each delay, and of a canary that is out for long, one call at a time.
	Shedder interface {
		Observe(now time.Time, delay time.Duration)
		Waiting(now time.Time, already time.Duration)
	}

	mu   sync.Mutex
	sent time.Time // zero when the canary is back
}

// Run samples until ctx ends.
func (c *Canary) Run(ctx context.Context) error {
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	legs, ctx := errgroup.WithContext(ctx)
	legs.Go(func() error { return c.receive(in) })
	legs.Go(func() error {
		defer func() { _ = out.Close() }() // which ends receive
		return c.send(ctx, out)
	})
	return errors.Join(legs.Wait(), in.Close())
}

func (c *Canary) send(ctx context.Context, out *os.File) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !c.leave(time.Now()) {
			continue
		}
		if _, err := out.Write([]byte{0}); err != nil {
			return err
		}
	}
}

// leave sends the canary off, or tells how long it has been out.
func (c *Canary) leave(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.sent.IsZero() {
		c.Shedder.Waiting(now, now.Sub(c.sent))
		return false
	}
	c.sent = now
	return true
}

// receive takes the canary back until the pipe ends.
func (c *Canary) receive(in *os.File) error {
	var b [1]byte
	for {
		if _, err := in.Read(b[:]); err != nil {
			return nil
		}
		now := time.Now()
		c.mu.Lock()
		c.Shedder.Observe(now, now.Sub(c.sent))
		c.sent = time.Time{}
		c.mu.Unlock()
	}
}
