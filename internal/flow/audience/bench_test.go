package audience_test

import (
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// every room is on air.
type every struct{}

func (every) Session(room ident.RoomID) (ident.SessionID, bool) {
	return ident.SessionID(room) + 1, true
}

type discard struct{}

func (discard) Counted([]view.Count) {}

func alone() *audience.Engine {
	return audience.New(audience.Config{Sessions: every{}, Sink: discard{}, Now: time.Now})
}

// viewer is an id as long as a UUID.
func viewer(b []byte, n uint64) []byte {
	b = append(b[:0], "6b3f2d90-4c1e-4a7b-9a55-d2c7fa57-----"[:28]...)
	return binary.LittleEndian.AppendUint64(b, n)
}

// What a heartbeat of a viewer who is known costs, all processors at once: half a million in one room, and in a hundred
// thousand.
func BenchmarkBeat(b *testing.B) {
	const viewers = 500_000
	for name, rooms := range map[string]uint64{"one room": 1, "100000 rooms": 100_000} {
		b.Run(name, func(b *testing.B) {
			e := alone()
			id := make([]byte, 0, 64)
			for n := range uint64(viewers) {
				id = viewer(id, n)
				if _, err := e.Beat(ident.RoomID(n%rooms+1), id); err != nil {
					b.Fatal(err)
				}
			}
			var next atomic.Uint64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				id := make([]byte, 0, 64)
				for n := next.Add(7919 * 7919); pb.Next(); n += 7919 {
					v := n % viewers
					id = viewer(id, v)
					if _, err := e.Beat(ident.RoomID(v%rooms+1), id); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// What a viewer takes in memory on a full node, with all that his rooms take.
func BenchmarkViewer(b *testing.B) {
	for name, each := range map[string]uint64{"one room": audience.MaxViewers, "ten a room": 10, "one a room": 1} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				e := alone()
				id := make([]byte, 0, 64)
				for n := range uint64(audience.MaxViewers * 9 / 10) {
					id = viewer(id, n)
					if _, err := e.Beat(ident.RoomID(n/each+1), id); err != nil {
						b.Fatal(err)
					}
				}
				e.Turn()
				b.ReportMetric(float64(heap()-before)/float64(audience.MaxViewers*9/10), "B/viewer")
				runtime.KeepAlive(e)
			}
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
