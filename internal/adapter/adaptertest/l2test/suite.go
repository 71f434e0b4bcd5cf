// Package l2test is the contract of L2, as tests.
//
// Second holds every query.Second to what the readers build on: the newest of what was offered is found, whoever
// offers in whichever order, whole and with its proof, and what is not there is left out. An adapter's test
// calls it with a function that opens an empty one. The suite only uses the port; it never looks at a
// clock, and it leaves the end of a value's life to the adapter's own tests.
package l2test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// morning is when the suite's entries are proven first.
var morning = time.UnixMilli(1_790_000_000_123).UTC()

// Kept makes an entry that was proven so long after the first.
func Kept(id ident.RoomID, version ident.Version, after time.Duration) query.Kept {
	return query.Kept{Proven: morning.Add(after), Entry: query.NewEntry(&view.RoomCard{
		ID: id, AnchorID: 42, Version: version, Title: "café \x00 房 v" + version.String(), Tags: []string{"a", "b"},
		Live:      view.LiveState{Status: view.LiveStatus(version % 3), SessionID: 9, Epoch: 2, StartedAt: morning},
		UpdatedAt: morning.Add(time.Duration(version) * time.Millisecond),
	})}
}

// Second runs the contract; open makes an empty L2 that is closed by t.Cleanup.
func Second(t *testing.T, open func(t *testing.T) query.Second) {
	for name, test := range map[string]func(*testing.T, query.Second){
		"what is not there is left out":    missing,
		"an entry comes back whole":        whole,
		"the newer stays":                  newer,
		"one batch may hold a room twice":  twice,
		"whoever offers the newest wins":   racing,
		"a batch of a thousand":            thousand,
		"nothing is asked, nothing is had": nothing,
		"a call that was given up fails":   givenUp,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func offer(t testing.TB, s query.Second, entries ...query.Kept) {
	t.Helper()
	if err := s.Offer(t.Context(), entries); err != nil {
		t.Fatalf("offer: %v", err)
	}
}

// fetch returns what is found, by id.
func fetch(t testing.TB, s query.Second, ids ...ident.RoomID) map[ident.RoomID]query.Kept {
	t.Helper()
	found, err := s.Fetch(t.Context(), ids)
	if err != nil {
		t.Fatalf("fetch: %v", err)
	}
	out := map[ident.RoomID]query.Kept{}
	for _, k := range found {
		out[k.ID] = k
	}
	return out
}

// want checks that the entry is there, in all its parts.
func want(t testing.TB, s query.Second, k query.Kept) {
	t.Helper()
	got, ok := fetch(t, s, k.ID)[k.ID]
	if !ok {
		t.Fatalf("room %s is not there", k.ID)
	}
	if got.Version != k.Version || !got.Proven.Equal(k.Proven) || got.OnAir != k.OnAir || !got.At.Equal(k.At) ||
		!bytes.Equal(got.JSON, k.JSON) || !bytes.Equal(got.Proto, k.Proto) || !bytes.Equal(got.ETag, k.ETag) {
		t.Fatalf("got version %d proven %v\n%s\nwant version %d proven %v\n%s", got.Version, got.Proven, got.JSON, k.Version, k.Proven, k.JSON)
	}
}

func missing(t *testing.T, s query.Second) {
	offer(t, s, Kept(2, 1, 0))
	found := fetch(t, s, 1, 2, 3)
	if len(found) != 1 || found[2].Entry == nil {
		t.Errorf("found %v, want room 2", found)
	}
}

func whole(t *testing.T, s query.Second) {
	for version := range ident.Version(3) { // idle, live, interrupted
		k := Kept(7345120812338774016, version+1, time.Duration(version)*time.Second)
		offer(t, s, k)
		want(t, s, k)
	}
	large := Kept(8, 1<<53-1, 0)
	offer(t, s, large)
	want(t, s, large)
}

func newer(t *testing.T, s query.Second) {
	steps := []struct {
		why    string
		offer  query.Kept
		stands query.Kept
	}{
		{"the first", Kept(1, 5, time.Second), Kept(1, 5, time.Second)},
		{"an older version, proven later", Kept(1, 4, time.Hour), Kept(1, 5, time.Second)},
		{"the same version, proven earlier", Kept(1, 5, 0), Kept(1, 5, time.Second)},
		{"the same version, proven later", Kept(1, 5, time.Minute), Kept(1, 5, time.Minute)},
		{"a newer version, proven earlier", Kept(1, 300, 0), Kept(1, 300, 0)}, // 300 > 5 is no matter of bytes
		{"an older one again", Kept(1, 299, time.Hour), Kept(1, 300, 0)},
	}
	for _, step := range steps {
		offer(t, s, step.offer)
		t.Log(step.why)
		want(t, s, step.stands)
	}
}

func twice(t *testing.T, s query.Second) {
	offer(t, s, Kept(1, 2, 0), Kept(1, 3, 0), Kept(1, 1, 0))
	want(t, s, Kept(1, 3, 0))
}

func racing(t *testing.T, s query.Second) {
	const rooms, versions = 8, 50
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 7))
			for _, v := range r.Perm(versions) {
				batch := make([]query.Kept, rooms)
				for i := range batch {
					batch[i] = Kept(ident.RoomID(i+1), ident.Version(v+1), time.Duration(w))
				}
				if err := s.Offer(t.Context(), batch); err != nil {
					t.Errorf("offer: %v", err)
				}
			}
		})
	}
	wg.Go(func() { // what is found never goes back
		var seen [rooms + 1]ident.Version
		for range versions {
			found, err := s.Fetch(t.Context(), []ident.RoomID{1, 2, 3, 4, 5, 6, 7, 8})
			if err != nil {
				t.Errorf("fetch: %v", err)
			}
			for _, k := range found {
				if k.Version < seen[k.ID] {
					t.Errorf("room %s went back from version %d to %d", k.ID, seen[k.ID], k.Version)
				}
				seen[k.ID] = k.Version
			}
		}
	})
	wg.Wait()
	for id := range ident.RoomID(rooms) {
		if k := fetch(t, s, id+1)[id+1]; k.Entry == nil || k.Version != versions {
			t.Errorf("room %s ended at %v", id+1, k)
		}
	}
}

func thousand(t *testing.T, s query.Second) {
	var batch []query.Kept
	var ids []ident.RoomID
	for id := ident.RoomID(1); id <= query.MaxBatch; id++ {
		ids = append(ids, id)
		if id%2 == 0 {
			batch = append(batch, Kept(id, ident.Version(id), 0))
		}
	}
	offer(t, s, batch...)
	found := fetch(t, s, ids...)
	if len(found) != len(batch) {
		t.Fatalf("%d found of %d", len(found), len(batch))
	}
	for _, k := range batch {
		if found[k.ID].Version != k.Version {
			t.Fatalf("room %s came back with version %d", k.ID, found[k.ID].Version)
		}
	}
}

func nothing(t *testing.T, s query.Second) {
	offer(t, s)
	if found := fetch(t, s); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}

func givenUp(t *testing.T, s query.Second) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Fetch(ctx, []ident.RoomID{1}); err == nil {
		t.Error("fetched")
	}
	if err := s.Offer(ctx, []query.Kept{Kept(1, 1, 0)}); err == nil {
		t.Error("offered")
	}
}
