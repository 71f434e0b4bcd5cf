package mysqlstore_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/leasetest"
	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

func TestLeasesKeepTheContract(t *testing.T) {
	for _, side := range []mysqlstore.Side{mysqlstore.SideB, mysqlstore.SideC} {
		t.Run("room_"+string(side), func(t *testing.T) {
			leasetest.Leases(t, func(t *testing.T) lead.Leases { return leases(t, database(t, side)) })
		})
	}
}

// TestNodeNumbersAreClaimedOnce: many processes that start at once mint with different numbers.
func TestNodeNumbersAreClaimedOnce(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	rooms := openRooms(t, dsn)
	var (
		mu   sync.Mutex
		seen = map[int]bool{}
		all  sync.WaitGroup
	)
	for i := range 40 {
		all.Go(func() {
			n, err := rooms.ClaimNode(t.Context(), fmt.Sprint("process ", i))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if seen[n.Number()] || n.Number() < 1 || n.Number() > 40 {
				t.Errorf("node %d is claimed twice, or is none", n.Number())
			}
			seen[n.Number()] = true
		})
	}
	all.Wait()
}

// TestNodeNumbersComeBack: a number is free a while after its process gave it back, or an hour after it died.
func TestNodeNumbersComeBack(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	rooms := openRooms(t, dsn)
	claim := func(who string) *mysqlstore.Node {
		t.Helper()
		n, err := rooms.ClaimNode(t.Context(), who)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	a, b := claim("a"), claim("b")
	if err := a.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if c := claim("c"); c.Number() != 3 {
		t.Errorf("node %d was claimed as soon as it was given back", c.Number())
	}
	other(t, dsn, `UPDATE node SET expires_at = expires_at - INTERVAL 59 SECOND WHERE number = 1`)
	if d := claim("d"); d.Number() != 4 {
		t.Errorf("node %d was claimed within a minute after it was given back", d.Number())
	}
	other(t, dsn, `UPDATE node SET expires_at = expires_at - INTERVAL 1 HOUR`)
	if e, f := claim("e"), claim("f"); e.Number() != 1 || f.Number() != 2 {
		t.Errorf("nodes %d and %d were claimed, want those that were not heard of the longest", e.Number(), f.Number())
	}
	if err := b.Keep(t.Context()); err == nil {
		t.Error("who was out for an hour goes on minting with another's number")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if g := claim("g"); g.Number() != 3 {
		t.Errorf("node %d was claimed: who lost it gave it back", g.Number())
	}
}
