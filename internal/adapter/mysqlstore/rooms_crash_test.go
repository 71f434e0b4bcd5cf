package mysqlstore_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// TestTheServerIsKilled kills MariaDB under two processes that write the same rooms while the log is sequenced. They
// go on by themselves when it is back; what was acknowledged is there, and nothing is there twice.
func TestTheServerIsKilled(t *testing.T) {
	if server == nil {
		t.Skipf("this machine lacks the Debian package %s", stage.MissingMariaDB())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	own, err := stage.StartMariaDB(ctx, t.TempDir()) // the other tests need theirs
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.Kill() })
	if err := own.CreateDatabase(ctx, "room_b"); err != nil {
		t.Fatal(err)
	}
	dsn := own.DSN("room_b")
	if _, err := mysqlstore.Migrate(ctx, dsn, mysqlstore.SideB); err != nil {
		t.Fatal(err)
	}

	const rooms, kills, between = 4, 2, 200
	stores := []*mysqlstore.Rooms{openRooms(t, dsn), openRooms(t, dsn)}
	led := leading(t, stores[0], dsn, "a")
	for id := ident.RoomID(1); id <= rooms; id++ {
		commit(t, stores[0], bump(id)) // to create is no race: nobody mints another's id
	}
	var acked, announced atomic.Int64
	writing, stop := context.WithCancel(ctx)
	var writers sync.WaitGroup
	for _, s := range stores {
		s.Subscribe(func(events []event.RoomEvent) { announced.Add(int64(len(events))) })
		for id := ident.RoomID(1); id <= rooms; id++ {
			writers.Go(func() {
				for writing.Err() == nil {
					if err := s.Write(ctx, bump(id)); err != nil { // with time enough to see it through
						t.Error(err)
						return
					}
					acked.Add(1)
				}
			})
		}
	}
	writers.Go(func() {
		for writing.Err() == nil {
			_, _ = led.Sequence(ctx, 16) // the relay would log it and try again, too
		}
	})
	for range kills {
		reach(t, ctx, &acked, acked.Load()+between)
		own.Kill()
		if err := own.Restart(ctx); err != nil {
			t.Error(err)
			break
		}
	}
	reach(t, ctx, &acked, acked.Load()+between)
	stop()
	writers.Wait()
	if log := sequence(t, led); int64(len(log)) != rooms+acked.Load() || acked.Load() != announced.Load() {
		t.Errorf("%d writes were acknowledged, %d announced, %d and the first %d are in the log", acked.Load(), announced.Load(), len(log)-rooms, rooms)
	}
}

// reach waits until n is as large.
func reach(t *testing.T, ctx context.Context, n *atomic.Int64, want int64) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n.Load() < want {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d of %d writes: %v", n.Load(), want, ctx.Err())
		}
	}
}
