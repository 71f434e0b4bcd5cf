package mysqlstore_test

import (
	"sync/atomic"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// BenchmarkWrites renames many rooms at once, each write durable: commits share the server's fsyncs.
func BenchmarkWrites(b *testing.B) {
	rooms := openRooms(b, database(b, mysqlstore.SideB))
	var last atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		unit := ident.RoomID(last.Add(1))
		for pb.Next() {
			commit(b, rooms, bump(unit))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

// BenchmarkSequence gives places to what was committed, in batches as the relay does.
func BenchmarkSequence(b *testing.B) {
	dsn := database(b, mysqlstore.SideB)
	rooms := openRooms(b, dsn)
	led := leading(b, rooms, dsn, "a")
	moved := 0
	for b.Loop() {
		events, err := led.Sequence(b.Context(), 512)
		if err != nil {
			b.Fatal(err)
		}
		if moved += len(events); len(events) == 0 {
			b.StopTimer()
			fillOutbox(b, rooms, dsn)
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(moved)/b.Elapsed().Seconds(), "events/s")
}

// fillOutbox makes 1,024 events of one.
func fillOutbox(t testing.TB, rooms *mysqlstore.Rooms, dsn string) {
	t.Helper()
	commit(t, rooms, bump(1))
	for range 10 {
		other(t, dsn, `INSERT INTO outbox (room_id, committed_at, body) SELECT room_id, committed_at, body FROM outbox`)
	}
}
