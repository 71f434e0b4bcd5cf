package query_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

func TestACrowdCausesOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.views.put(card(1, 3))
		h.views.hold = func() { time.Sleep(time.Second) } // bubble time
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 3 {
					t.Errorf("got %v, %v", e, err)
				}
			})
		}
		wg.Wait()
		if n := h.views.queries(); n != 1 {
			t.Errorf("%d queries", n)
		}
	})
}

func TestACancelledReaderFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.views.put(card(1, 3))
		h.views.hold = func() { time.Sleep(time.Second) }
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := h.Get(first, 1, 0); !errors.Is(err, fault.DeadlineExceeded) {
				t.Errorf("the cancelled reader got %v", err)
			}
		})
		synctest.Wait() // the one who caused the load waits for it
		wg.Go(func() {
			if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 3 {
				t.Errorf("the other reader: %v, %v", e, err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		if n := h.views.queries(); n != 1 {
			t.Errorf("%d queries", n)
		}
	})
}

func TestAFailedLoadDoesNotPoisonItsKey(t *testing.T) {
	h := newHouse()
	h.views.put(card(1, 3))
	h.views.fail(errDown)
	_, err := h.Get(t.Context(), 1, 0)
	wantFault(t, err, fault.StoreUnavailable)
	h.views.fail(nil)
	if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 3 {
		t.Errorf("after the database came back: %v, %v", e, err)
	}
}

func TestAHangingDatabaseFreesTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.views.put(card(1, 3))
		h.views.hold = func() { time.Sleep(time.Minute) }
		go func() { _, _ = h.Get(t.Context(), 1, 0) }()
		time.Sleep(2 * time.Minute)
		h.views.slow(nil)
		if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 3 {
			t.Errorf("got %v, %v", e, err)
		}
	})
}

func TestAResidentRoomOutlivesItsDatabase(t *testing.T) {
	h := newHouse()
	h.commit(card(1, 3))
	h.views.fail(errDown)
	if e, err := h.Get(t.Context(), 1, 3); err != nil || e.Version != 3 {
		t.Errorf("got %v, %v", e, err)
	}
}

func TestAnEventOvertakesALoad(t *testing.T) {
	for name, afterwards := range map[string]func(*house){
		"and stays resident":      func(*house) {},
		"and is evicted at once":  func(h *house) { h.cache.evict(1) },
		"and everything is reset": func(h *house) { h.Changed(nil, nil, true) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse()
				h.views.put(liveCard(1, 3, 0))
				h.views.hold = func() { time.Sleep(time.Second) }
				var wg sync.WaitGroup
				wg.Go(func() {
					if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 5 {
						t.Errorf("the reader got %v, %v, want version 5", e, err)
					}
				})
				synctest.Wait() // the load has read version 3 and has not answered
				h.commit(card(1, 5))
				afterwards(h)
				wg.Wait()
				time.Sleep(time.Second) // the load answers, too late
				if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 5 || e.OnAir {
					t.Errorf("the next reader got %v, %v: the load put back what the event replaced", e, err)
				}
			})
		})
	}
}

func TestAnEventOvertakesAnAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.views.hold = func() { time.Sleep(time.Second) }
		var wg sync.WaitGroup
		wg.Go(func() {
			if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 1 {
				t.Errorf("got %v, %v: the room was created meanwhile", e, err)
			}
		})
		synctest.Wait()
		h.commit(card(1, 1))
		h.cache.evict(1)
		wg.Wait()
		time.Sleep(time.Second) // the load answers, too late
		if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 1 {
			t.Errorf("later: %v, %v", e, err)
		}
	})
}

func TestAbsenceIsRememberedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		ask := func(want *fault.Code, queries int) {
			t.Helper()
			_, err := h.Get(t.Context(), 1, 0)
			wantFault(t, err, want)
			if n := h.views.queries(); n != queries {
				t.Fatalf("%d queries, want %d", n, queries)
			}
		}
		for range 50 {
			ask(fault.RoomNotFound, 1)
		}
		time.Sleep(time.Second)
		ask(fault.RoomNotFound, 2)
		h.commit(card(1, 1))
		h.cache.evict(1)
		if e, err := h.Get(t.Context(), 1, 0); err != nil || e.Version != 1 {
			t.Errorf("after it was created: %v, %v", e, err)
		}
	})
}

func TestAMissingRoomProvesNothingWhileTheViewsAreFilled(t *testing.T) {
	h := newHouse()
	h.proof.set(false, time.Time{})
	_, err := h.Get(t.Context(), 1, 0)
	wantFault(t, err, fault.NotReady)
	err = h.Batch(t.Context(), &query.Batch{IDs: []ident.RoomID{1}})
	wantFault(t, err, fault.NotReady)
	h.proof.set(true, time.Time{})
	_, err = h.Get(t.Context(), 1, 0)
	wantFault(t, err, fault.RoomNotFound)
}

func TestAReaderWaitsForItsVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.commit(card(1, 3))
		go func() {
			time.Sleep(100 * time.Millisecond)
			h.commit(card(1, 4))
			time.Sleep(100 * time.Millisecond)
			h.commit(card(1, 5))
		}()
		from := time.Now()
		e, err := h.Get(t.Context(), 1, 5)
		if err != nil || e.Version != 5 {
			t.Fatalf("got %v, %v", e, err)
		}
		if waited := time.Since(from); waited != 200*time.Millisecond {
			t.Errorf("waited %v: woken late", waited)
		}
	})
}

func TestAReaderWaitsForARoomThatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		go func() {
			time.Sleep(100 * time.Millisecond)
			h.commit(card(1, 1))
		}()
		if e, err := h.Get(t.Context(), 1, 1); err != nil || e.Version != 1 {
			t.Fatalf("got %v, %v", e, err)
		}
	})
}

func TestAReaderWaitsForAVersionThatLeavesL1AtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.commit(card(1, 3))
		go func() {
			time.Sleep(100 * time.Millisecond)
			h.commit(card(1, 5))
			h.cache.evict(1)
		}()
		if e, err := h.Get(t.Context(), 1, 5); err != nil || e.Version != 5 {
			t.Fatalf("got %v, %v", e, err)
		}
	})
}

func TestAVersionThatDoesNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.commit(card(1, 3))
		from := time.Now()
		_, err := h.Get(t.Context(), 1, 4)
		wantFault(t, err, fault.NotYetVisible)
		if waited := time.Since(from); waited != 500*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestBatchKeepsTheOrderAndNamesTheMissing(t *testing.T) {
	h := newHouse()
	h.commit(card(3, 1))
	h.views.put(card(1, 1), card(2, 1))
	b := query.Batch{IDs: []ident.RoomID{9, 2, 3, 1, 8, 2}}
	err := h.Batch(t.Context(), &b)
	found, missing := b.Found, b.Missing
	if err != nil {
		t.Fatal(err)
	}
	var ids []ident.RoomID
	for _, e := range found {
		ids = append(ids, e.ID)
	}
	if want := []ident.RoomID{2, 3, 1, 2}; !equal(ids, want) {
		t.Errorf("found %v, want %v", ids, want)
	}
	if want := []ident.RoomID{9, 8}; !equal(missing, want) {
		t.Errorf("missing %v, want %v", missing, want)
	}
	if n := h.views.queries(); n != 1 {
		t.Errorf("%d queries for one batch", n)
	}
	err = h.Batch(t.Context(), &query.Batch{IDs: make([]ident.RoomID, query.MaxBatch+1)})
	wantFault(t, err, fault.TooLarge)
}

func TestAreas(t *testing.T) {
	h := newHouse()
	h.views.areas = []view.Area{{ID: 1, Name: "music"}}
	for range 3 {
		tree, err := h.Areas(t.Context())
		if err != nil || string(tree.JSON) != `{"areas":[{"id":"1","name":"music","children":[]}]}` {
			t.Fatalf("got %v, %v", tree, err)
		}
	}
	if n := h.views.queries(); n != 1 {
		t.Errorf("%d queries", n)
	}
	h.Changed(nil, []view.Area{{ID: 1, Name: "games"}}, false)
	h.views.fail(errDown)
	if tree, err := h.Areas(t.Context()); err != nil || tree.Areas[0].Name != "games" {
		t.Errorf("after the event: %v, %v", tree, err)
	}
	h.Changed(nil, nil, true)
	_, err := h.Areas(t.Context())
	wantFault(t, err, fault.StoreUnavailable)
}

func TestAgeIsSinceTheLastProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		c := card(1, 1)
		c.UpdatedAt = time.Now()
		h.commit(c)
		e, _ := h.Lookup(1)
		time.Sleep(3 * time.Second)
		if age := h.Age(e); age != 3*time.Second || query.Stale(age) {
			t.Errorf("age %v since its own change", age)
		}
		h.proof.set(true, time.Now())
		time.Sleep(6 * time.Second)
		if age := h.Age(e); age != 6*time.Second || !query.Stale(age) {
			t.Errorf("age %v since the proof", age)
		}
		h.proof.set(true, time.Now().Add(time.Minute)) // another machine's clock
		if age := h.Age(e); age != 0 {
			t.Errorf("age %v", age)
		}
	})
}

func TestTooManyLoadsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.views.hold = func() { time.Sleep(time.Second) }
		refused := 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		for id := ident.RoomID(1); id <= 33_000; id++ {
			wg.Go(func() {
				if _, err := h.Get(t.Context(), id, 0); errors.Is(err, fault.Overloaded) {
					mu.Lock()
					refused++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if refused != 33_000-32_768 {
			t.Errorf("%d refused", refused)
		}
	})
}

func TestLookupDoesNotAllocate(t *testing.T) {
	h := newHouse()
	h.commit(card(1, 1))
	if n := testing.AllocsPerRun(1000, func() {
		e, _ := h.Lookup(1)
		h.Age(e)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func equal(a, b []ident.RoomID) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
