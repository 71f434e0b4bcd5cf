package sqlitestore_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// BenchmarkFill is a room's share of a fill of an empty room_c, and of a rebuild beside a full one, which also
// compares each card. The log has forgotten how the rooms began: all come by state transfer. Run it with as many
// rooms as a node has: -benchtime 200000x.
func BenchmarkFill(b *testing.B) {
	rooms := openRooms(b, filepath.Join(b.TempDir(), "room_b.db"))
	settled(b, rooms, b.N)
	views := openViews(b, filepath.Join(b.TempDir(), "room_c.db"))
	p := project.New(project.Config{Views: views, Source: rooms, Audience: listener(func(project.Change) {}), Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	rate := func(unit string, work func()) {
		began := processorTime()
		work()
		b.ReportMetric(float64(b.N)/(processorTime()-began).Seconds(), unit)
	}
	b.ReportAllocs()
	b.ResetTimer()
	rate("filled/cpu-s", func() {
		go func() { defer close(done); _ = p.Run(ctx) }()
		for tick := time.NewTicker(time.Millisecond); !p.Complete(); <-tick.C {
		}
	})
	stop()
	<-done
	rate("rebuilt/cpu-s", func() {
		if !p.BeginRebuild() {
			b.Fatal("a rebuild runs")
		}
		if err := p.Rebuild(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
	if n, err := views.Count(b.Context()); err != nil || n != int64(b.N) {
		b.Fatalf("%d cards (%v)", n, err)
	}
}

// settled makes rooms of usual size on B, whose log holds the newest event only.
func settled(b *testing.B, rooms *sqlitestore.Rooms, n int) {
	b.Helper()
	now := time.UnixMilli(1_790_000_000_000).UTC()
	for from := 0; from < n; from += benchBatch {
		err := rooms.Write(b.Context(), func(tx command.Tx) error {
			for i := from; i < min(from+benchBatch, n); i++ {
				r, err := room.Create(room.By{Now: now, Actor: "bench"}, ident.RoomID(7_345_120_812_338_774_016+int64(i)*4096), ident.AnchorID(1_000_000+i), room.Description{
					Title: fmt.Sprintf("World final, table %d: the last map", i), Area: 3, Tags: []string{"final", "english", "strategy"}, Language: "en",
					CoverURL: fmt.Sprintf("https://img.example.net/covers/%016x.jpg", i*7919),
				})
				if err != nil {
					return err
				}
				if err := tx.SaveRoom("xanchor", r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for more := true; more; {
		var err error
		if more, err = rooms.Prune(b.Context(), now.Add(24*time.Hour*365*50), now); err != nil {
			b.Fatal(err)
		}
	}
}

// processorTime is what this process has used, all threads together: the machine has other work.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
