package sqlitestore_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// BenchmarkWrite is the durable command: load, decide, save, record, answer. Read it beside the disk's fsync rate, and
// beside the same without its entry in the audit log.
func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchWrite(b, callers, bumpRecorded) })
		b.Run(fmt.Sprintf("callers=%d,unrecorded", callers), func(b *testing.B) { benchWrite(b, callers, bump) })
	}
}

func benchWrite(b *testing.B, callers int, write func(*sqlitestore.Rooms, ident.RoomID) (ident.Version, error)) {
	rooms := openRooms(b, filepath.Join(b.TempDir(), "room_b.db"))
	var next, commits atomic.Int64
	rooms.Subscribe(func([]event.RoomEvent) { commits.Add(1) }) // once per commit, and each commit is one fsync
	var all sync.WaitGroup
	spent := cpu()
	for id := range ident.RoomID(callers) {
		all.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if _, err := write(rooms, id+1); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64((cpu()-spent).Microseconds())/float64(b.N), "cpu-µs/command")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
	b.ReportMetric(float64(commits.Load())/b.Elapsed().Seconds(), "commits/s")
	b.ReportMetric(float64(commits.Load())/float64(b.N), "fsyncs/command")
}

// cpu is the time this process has run on a processor.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails only for a wrong argument
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchBatch = 256

// BenchmarkViewsWrite is one event's share of a transaction in room_c.
func BenchmarkViewsWrite(b *testing.B) {
	views := openViews(b, filepath.Join(b.TempDir(), "room_c.db"))
	events := benchEvents(b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for from := 0; from < len(events); from += benchBatch {
		var batch project.Batch
		for _, e := range events[from:min(from+benchBatch, len(events))] {
			batch.Cards = append(batch.Cards, e.Snapshot)
			batch.Feed = append(batch.Feed, project.FeedRow{Seq: e.FeedSeq, Room: e.RoomID, Type: e.Type, JSON: e.AppendJSON(nil)})
		}
		batch.Position = &project.Position{Epoch: bustest.Epoch, Contiguous: ident.FeedSeq(from + len(batch.Feed))}
		if _, err := views.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkApply is the C side's entrance on the real room_c, in the queue's batches.
func BenchmarkApply(b *testing.B) {
	views := openViews(b, filepath.Join(b.TempDir(), "room_c.db"))
	rooms := memory.NewRooms(bustest.Epoch)
	p := project.New(project.Config{Views: views, Source: rooms, Audience: listener(func(project.Change) {}), Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	defer func() { stop(); <-done }()
	for tick := time.NewTicker(time.Millisecond); !p.Complete(); <-tick.C {
	}
	events := benchEvents(b.N)
	list := make([]project.Delivery, len(events))
	for i := range events {
		list[i] = project.Delivery{Courier: station.Queue, Event: events[i], Room: events[i].RoomID, ReceivedAt: time.Now()}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for from := 0; from < len(list); from += benchBatch {
		if err := p.Apply(ctx, list[from:min(from+benchBatch, len(list))]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

type listener func(project.Change)

func (l listener) Changed(c project.Change) { l(c) }

// benchEvents go round 1,000 rooms.
func benchEvents(n int) []event.RoomEvent {
	rooms := make([]ident.RoomID, 1000)
	for i := range rooms {
		rooms[i] = ident.RoomID(i + 1)
	}
	return bustest.Events(n, rooms...)
}
