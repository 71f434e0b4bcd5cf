package app

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/ottercache"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// crowded is L3 as a stampede meets it: it has the rooms 1 to rooms, takes its time, and counts.
type crowded struct {
	query.Views // nobody asks for the rest
	rooms       ident.RoomID
	takes       time.Duration // in a bubble

	queries, asked, now, most atomic.Int64
}

func (c *crowded) Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error) {
	c.queries.Add(1)
	c.asked.Add(int64(len(ids)))
	now := c.now.Add(1)
	for most := c.most.Load(); now > most && !c.most.CompareAndSwap(most, now); most = c.most.Load() {
	}
	defer c.now.Add(-1)
	if c.takes > 0 {
		time.Sleep(c.takes)
	}
	var out []view.RoomCard
	for _, id := range ids {
		if id <= c.rooms {
			out = append(out, card(id))
		}
	}
	return out, ctx.Err()
}

// stampede is the reads on otter as shipped, over an L3 that counts.
func stampede(t *testing.T, l3 *crowded) *query.Rooms {
	t.Helper()
	l1, err := ottercache.New(64 << 20)
	if err != nil {
		t.Fatal(err)
	}
	return query.New(query.Config{Cache: l1, Views: l3, Freshness: sure{}, Now: time.Now})
}

func TestAColdRoomAskedByTenThousandIsLoadedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l3 := &crowded{rooms: 1, takes: 10 * time.Millisecond}
		r := stampede(t, l3)
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() {
				if e, err := r.Get(t.Context(), 1, 0); err != nil || e.ID != 1 {
					t.Errorf("%v, %v", e, err)
				}
			})
		}
		wg.Wait()
		if n := l3.queries.Load(); n != 1 {
			t.Errorf("%d queries", n)
		}
	})
}

func TestAnUnknownRoomAskedByTenThousandIsLookedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l3 := &crowded{takes: 10 * time.Millisecond}
		r := stampede(t, l3)
		var wg sync.WaitGroup
		for range 10_000 {
			wg.Go(func() {
				for range 10 {
					if _, err := r.Get(t.Context(), 1, 0); !errors.Is(err, fault.RoomNotFound) {
						t.Errorf("%v", err)
					}
				}
			})
		}
		wg.Wait()
		if n := l3.queries.Load(); n != 1 {
			t.Errorf("%d queries", n)
		}
	})
}

// An event empties L1 while ten thousand readers ask for as many rooms: the rooms come back in a few
// large queries, a few at a time.
func TestAnEmptiedL1CostsFewQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const readers, resets = 10_000, 2
		l3 := &crowded{rooms: readers, takes: 10 * time.Millisecond}
		r := stampede(t, l3)
		var wg sync.WaitGroup
		for id := range ident.RoomID(readers) {
			wg.Go(func() {
				for range 5 * resets {
					if e, err := r.Get(t.Context(), id+1, 0); err != nil || e.ID != id+1 {
						t.Errorf("%v, %v", e, err)
					}
					time.Sleep(40 * time.Millisecond)
				}
			})
		}
		for range resets {
			time.Sleep(150 * time.Millisecond)
			r.Changed(nil, nil, true)
		}
		wg.Wait()
		// The first readers after a reset find all four queries idle, all others share the rest: 24 queries. Twice
		// that allows for readers that come later.
		if n, most := l3.queries.Load(), int64(2*(resets+1)*(4+(readers+511)/512)); n > most {
			t.Errorf("%d queries for %d rooms, at most %d were needed", n, l3.asked.Load(), most)
		}
		if n := l3.asked.Load(); n > (resets+1)*readers {
			t.Errorf("%d rooms were asked for: some twice", n)
		}
		if n := l3.most.Load(); n > 4 {
			t.Errorf("%d queries at a time", n)
		}
	})
}

// A slow query of one room does not hold up another room, and a reset in the middle of a load does not make its
// readers wait for what nobody may see.
func TestAnEmptiedL1DoesNotWaitForOldLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l3 := &crowded{rooms: 2, takes: time.Second}
		r := stampede(t, l3)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = r.Get(t.Context(), 1, 0) })
		time.Sleep(900 * time.Millisecond)
		from := time.Now()
		wg.Go(func() {
			if _, err := r.Get(t.Context(), 2, 0); err != nil || time.Since(from) != time.Second {
				t.Errorf("another room: %v after %v", err, time.Since(from))
			}
		})
		synctest.Wait()
		r.Changed(nil, nil, true)
		wg.Wait()
		if took := time.Since(from); took != time.Second {
			t.Errorf("the last reader waited %v since the reset", took)
		}
	})
}

func TestUnknownRoomsTakeBoundedMemory(t *testing.T) {
	const batches = 1000 // of a thousand ids each
	r := stampede(t, &crowded{})
	before := heap()
	rng := rand.New(rand.NewPCG(1, 1))
	b := query.Batch{}
	for range batches {
		b.Reset()
		for range query.MaxBatch {
			b.IDs = append(b.IDs, ident.RoomID(rng.Int64()))
		}
		if err := r.Batch(t.Context(), &b); err != nil || len(b.Missing) != query.MaxBatch {
			t.Fatalf("%v, %d missing", err, len(b.Missing))
		}
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("%d random ids left %d KiB behind", batches*query.MaxBatch, grown>>10)
	} else {
		t.Logf("%d random ids left %d KiB behind", batches*query.MaxBatch, grown>>10)
	}
	runtime.KeepAlive(r)
}

// heap is what lives after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
