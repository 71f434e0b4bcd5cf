package ottercache_test

import (
	"context"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

const lookupRooms = 4096

// newReads is what most reads go through: L1 and, before it, the detector of hot rooms.
func newReads(t testing.TB) *query.Rooms {
	t.Helper()
	c := newCache(t, 64<<20)
	for id := range ident.RoomID(lookupRooms) {
		c.Put(entry(id+1, 1, view.Live))
	}
	return query.New(query.Config{Cache: c, Now: time.Now})
}

func TestLookupWithTheDetectorDoesNotAllocate(t *testing.T) {
	reads := newReads(t)
	id := ident.RoomID(0)
	if n := testing.AllocsPerRun(100_000, func() {
		if _, ok := reads.Lookup(id + 1); !ok {
			t.Error("not resident")
		}
		id = (id + 1) % lookupRooms
	}); n != 0 {
		t.Errorf("%v allocations per Lookup", n)
	}
}

// Compare with BenchmarkGet of the same run: the difference is what the detector costs.
func BenchmarkLookup(b *testing.B) {
	reads := newReads(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for id := ident.RoomID(1); pb.Next(); id++ {
			if _, ok := reads.Lookup(id&(lookupRooms-1) + 1); !ok {
				b.Error("not resident")
			}
		}
	})
}

// BenchmarkLookupOneRoom is a crowd: all processors ask for the same room.
func BenchmarkLookupOneRoom(b *testing.B) {
	reads := newReads(b)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- reads.RunHot(ctx) }()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, ok := reads.Lookup(7); !ok {
				b.Error("not resident")
			}
		}
	})
	stop()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
