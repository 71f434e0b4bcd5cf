package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// updateRate is how many events a second are applied while rooms are looked up, in batches of updateBatch.
	updateRate  = 10_000
	updateBatch = 64
)

// lookupRound is nanoseconds per lookup, events applied per second meanwhile, and allocations per
// lookup while nothing else ran.
type lookupRound struct{ nanos, updates, allocs float64 }

// lookups looks rooms up for that long while events are applied.
func (c *cSide) lookups(ctx context.Context, length time.Duration) (lookupRound, error) {
	var r lookupRound
	if _, ok := c.Reads.Lookup(c.made.cards[0].ID); !ok {
		return r, fmt.Errorf("room %s is not resident", c.made.cards[0].ID)
	}
	r.allocs = allocations(10_000, func() { c.Reads.Lookup(c.made.cards[0].ID) })
	// The ids apart from the cards, which the other goroutine changes.
	ids := make([]ident.RoomID, len(c.made.cards))
	for i := range ids {
		ids[i] = c.made.cards[i].ID
	}
	looking, done := context.WithTimeout(ctx, length)
	defer done()
	var g errgroup.Group
	g.Go(func() error {
		var err error
		r.updates, err = c.update(ctx, looking)
		return err
	})
	nanos, missed := c.look(looking, ids)
	r.nanos = nanos
	if err := g.Wait(); err != nil {
		return r, err
	}
	if missed > 0 {
		return r, fmt.Errorf("%d lookups missed: rooms on air must be resident", missed)
	}
	return r, ctx.Err()
}

// allocations is how many one call makes, on average and rounded down as testing.AllocsPerRun does it: what others allocate
// meanwhile is in it. The binary must not link testing.
func allocations(calls uint64, call func()) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	call()
	runtime.ReadMemStats(&before)
	for range calls {
		call()
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / calls)
}

// look counts what one lookup takes, by wall clock, until ctx ends.
func (c *cSide) look(ctx context.Context, ids []ident.RoomID) (nanos float64, missed int) {
	const unclocked = 4096 // lookups between two looks at the clock
	dice := rand.New(rand.NewPCG(1, 2))
	n := 0
	began := time.Now()
	for ctx.Err() == nil {
		for range unclocked {
			if _, ok := c.Reads.Lookup(ids[dice.IntN(len(ids))]); !ok {
				missed++
			}
		}
		n += unclocked
	}
	return float64(time.Since(began).Nanoseconds()) / float64(n), missed
}

// update applies events at updateRate until looking ends, and returns the rate achieved.
func (c *cSide) update(ctx, looking context.Context) (float64, error) {
	beat := time.NewTicker(time.Second * updateBatch / updateRate)
	defer beat.Stop()
	began, n := time.Now(), 0
	for {
		select {
		case <-looking.Done():
			return float64(n) / time.Since(began).Seconds(), nil
		case <-beat.C:
		}
		// A beat that was dropped because the batch before took long is made up for.
		for due := int(time.Since(began).Seconds() * updateRate); n < due; n += updateBatch {
			if err := c.Projector.Apply(ctx, c.made.next(updateBatch)); err != nil {
				return 0, err
			}
		}
	}
}
