package ident_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestMintedIDsSortByTime(t *testing.T) {
	m := ident.NewMinter(3)
	last := int64(0)
	for i := range 10_000 {
		id := m.Mint(noon.Add(time.Duration(i/3) * time.Millisecond))
		if id <= last {
			t.Fatalf("id %d is %d, after %d", i, id, last)
		}
		last = id
	}
}

func TestMinterBorrowsFromTheNextMillisecond(t *testing.T) {
	m := ident.NewMinter(0)
	seen := map[int64]bool{}
	for range 3 * 4096 {
		id := m.Mint(noon)
		if seen[id] {
			t.Fatalf("%d was minted twice in one millisecond", id)
		}
		seen[id] = true
	}
}

func TestClockStepsBack(t *testing.T) {
	m := ident.NewMinter(0)
	before := m.Mint(noon)
	if after := m.Mint(noon.Add(-time.Hour)); after <= before {
		t.Errorf("the clock stepped back, and %d was minted after %d", after, before)
	}
}

func TestMintersShareNoIDs(t *testing.T) {
	var mu sync.Mutex
	var all []int64
	var done sync.WaitGroup
	for node := range 4 {
		m := ident.NewMinter(node)
		for range 2 { // two users of one minter
			done.Go(func() {
				for range 2000 {
					id := m.Mint(noon)
					mu.Lock()
					all = append(all, id)
					mu.Unlock()
				}
			})
		}
	}
	done.Wait()
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 4*2*2000 {
		t.Errorf("%d different ids of %d", n, 4*2*2000)
	}
	if all[0] <= 0 {
		t.Errorf("an id is %d", all[0])
	}
}

func TestParseRoomID(t *testing.T) {
	for s, want := range map[string]ident.RoomID{"1": 1, "9223372036854775807": 1<<63 - 1} {
		if id, ok := ident.ParseRoomID(s); !ok || id != want || id.String() != s {
			t.Errorf("%q is %d, %v", s, id, ok)
		}
	}
	for _, s := range []string{"", "0", "-1", "1.0", "9223372036854775808", " 1", "0x1", "gr_1_a"} {
		if id, ok := ident.ParseRoomID(s); ok {
			t.Errorf("%q passed for room %d", s, id)
		}
	}
}
