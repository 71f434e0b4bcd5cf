package query

import (
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

func kept(id ident.RoomID, v ident.Version, proven time.Time) Kept {
	return Kept{Entry: &Entry{ID: id, Version: v}, Proven: proven}
}

func TestWhatHeardBelieves(t *testing.T) {
	start := time.Unix(1_790_000_000, 0)
	after := func(d time.Duration) time.Time { return start.Add(d) }
	var h heard
	h.forget(start)
	h.of(1, 5, after(10*time.Second))
	h.of(1, 4, after(11*time.Second)) // late: what is older changes nothing
	now := after(20 * time.Second)
	for _, c := range []struct {
		name string
		k    Kept
		want bool
	}{
		{"the version that was heard of", kept(1, 5, after(10*time.Second)), true},
		{"a newer one, whose event has not come yet", kept(1, 6, after(12*time.Second)), true},
		{"an older one, however well it was proven", kept(1, 4, after(19*time.Second)), false},
		{"a room nobody heard of", kept(2, 1, after(5*time.Second)), true},
		{"from before this process listened", kept(2, 1, after(-time.Second)), false},
		{"from about when it began to", kept(2, 1, after(clockSkew-1)), false},
		{"from a clock that is a little ahead", kept(2, 1, now.Add(clockSkew)), true},
		{"from a clock that is wrong", kept(2, 1, now.Add(clockSkew+1)), false},
	} {
		if got := h.believes(c.k, now); got != c.want {
			t.Errorf("%s: believed %v", c.name, got)
		}
	}
}

func TestHeardRemembersForAsLongAsL2Keeps(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	var h heard
	h.forget(now)
	now = now.Add(time.Minute)
	h.of(1, 5, now) // version 5 was committed; L2 is left with 4, proven just before
	old := kept(1, 4, now)
	for range 300 {
		now = now.Add(time.Second)
		h.of(2, 1, now)
		if h.believes(old, now) {
			t.Fatalf("believed %v later", now.Sub(old.Proven))
		}
		// Of a room that did not change, whatever L2 can still have is believed.
		if quiet := kept(3, 1, now.Add(-SecondLife)); quiet.Proven.After(old.Proven) && !h.believes(quiet, now) {
			t.Fatalf("not believed %v after the start", now.Sub(old.Proven))
		}
	}
}

// More changes than there is place for: less is believed, nothing wrong is.
func TestHeardIsBounded(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	var h heard
	h.forget(now)
	now = now.Add(10 * time.Second)
	h.of(1, 5, now)
	old, quiet := kept(1, 4, now), kept(2, 1, now)
	for id := ident.RoomID(10); id < 10+3*maxHeard; id++ {
		if id%maxHeard == 0 {
			now = now.Add(time.Second)
		}
		h.of(id, 1, now)
		if h.believes(old, now) {
			t.Fatalf("believed after %d changes", id)
		}
	}
	if n := len(h.young) + len(h.old); n > 2*maxHeard {
		t.Errorf("%d remembered", n)
	}
	if h.believes(quiet, now) {
		t.Error("what may have changed unheard is believed")
	}
	if now = now.Add(clockSkew); !h.believes(kept(2, 1, now), now) {
		t.Error("what was proven just now is not")
	}
}
