package mysqlstore_test

import (
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// The store of every process, and what the leader has beyond it.
var (
	_ relay.Frontier       = (*mysqlstore.Rooms)(nil)
	_ storetest.RoomsStore = (*mysqlstore.Led)(nil)
)

func TestRoomsKeepTheContract(t *testing.T) {
	storetest.Rooms(t, func(t *testing.T) storetest.RoomsLevers {
		dsn := database(t, mysqlstore.SideB)
		rooms := openRooms(t, dsn)
		return storetest.RoomsLevers{Store: leading(t, rooms, dsn, "a"), ManyWriters: true, Reopen: func() storetest.RoomsStore {
			if err := rooms.Close(); err != nil {
				t.Fatal(err)
			}
			rooms = openRooms(t, dsn)
			return leading(t, rooms, dsn, "a")
		}}
	})
}

// openRooms opens the database until the test ends. Closing twice does nothing.
func openRooms(t testing.TB, dsn string) *mysqlstore.Rooms {
	t.Helper()
	rooms, err := mysqlstore.OpenRooms(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rooms.Close() })
	return rooms
}

const sequencer = "sequencer"

// leading takes the sequencer's lease, or renews it, for longer than any test runs.
func leading(t testing.TB, rooms *mysqlstore.Rooms, dsn, who string) *mysqlstore.Led {
	t.Helper()
	lease, err := leases(t, dsn).Take(t.Context(), sequencer, lead.Holder{ID: who}, time.Hour)
	if err != nil || lease.ID != who {
		t.Fatalf("the lease is %+v, %v", lease, err)
	}
	return rooms.Lead(sequencer, lease.Term)
}

func leases(t testing.TB, dsn string) *mysqlstore.Leases {
	t.Helper()
	l, err := mysqlstore.OpenLeases(dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestDurable: a server that keeps commits in memory for a while is told from one that does not.
func TestDurable(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	rooms := openRooms(t, dsn)
	defer other(t, dsn, `SET GLOBAL innodb_flush_log_at_trx_commit = DEFAULT`)
	for setting, want := range map[string]bool{"0": false, "1": true, "2": false} {
		other(t, dsn, `SET GLOBAL innodb_flush_log_at_trx_commit = `+setting)
		if durable, err := rooms.Durable(t.Context()); err != nil || durable != want {
			t.Errorf("with %s it is durable: %v, %v", setting, durable, err)
		}
	}
}
