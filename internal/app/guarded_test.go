package app

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/adapter/ottercache"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/guard/breaker"
)

// shaky is what stands behind L1 while it is gone: calls hang until they are given up. It counts them.
type shaky struct {
	query.Views
	query.Second
	gone  atomic.Bool
	calls atomic.Int64
}

func (s *shaky) hang(ctx context.Context) error {
	s.calls.Add(1)
	if !s.gone.Load() {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *shaky) Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error) {
	if err := s.hang(ctx); err != nil {
		return nil, err
	}
	return s.Views.Cards(ctx, ids)
}

func (s *shaky) Fetch(ctx context.Context, ids []ident.RoomID) ([]query.Kept, error) {
	if err := s.hang(ctx); err != nil {
		return nil, err
	}
	return s.Second.Fetch(ctx, ids)
}

func (s *shaky) Offer(ctx context.Context, entries []query.Kept) error {
	if err := s.hang(ctx); err != nil {
		return err
	}
	return s.Second.Offer(ctx, entries)
}

// sure is a projector that has always just proven everything.
type sure struct{}

func (sure) ProvenAt() time.Time                        { return time.Now() }
func (sure) Held(ident.RoomID) (_ time.Time, held bool) { return }
func (sure) Complete() bool                             { return true }

// node is the reads of a viewer node with guards in front of an L2 and an L3 that can go away.
func node(t *testing.T) (r *query.Rooms, s *shaky, l3 *guard, outcomes map[string]int) {
	t.Helper()
	s = &shaky{Views: memory.NewViews(), Second: memory.NewSecond()}
	l1, err := ottercache.New(64 << 20)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, report := counted()
	l3 = newGuard(l3Within, 0, time.Now, report)
	r = query.New(query.Config{
		Cache: l1, Freshness: sure{}, Now: time.Now,
		Second: guardedSecond{s, newGuard(l2Within, 0, time.Now, newBehind().guard("l2"))},
		Views:  guardedViews{s, l3},
	})
	return r, s, l3, outcomes
}

func card(id ident.RoomID) view.RoomCard {
	return view.RoomCard{ID: id, AnchorID: 42, Version: 3, Title: "t", UpdatedAt: time.Now()}
}

func TestResidentRoomsDoNotChangeWhenAllBehindIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rooms = 1000
		r, s, _, _ := node(t)
		var was [rooms]*query.Entry
		for i := range was {
			r.Changed([]view.RoomCard{card(ident.RoomID(i + 1))}, nil, false)
			was[i], _ = r.Lookup(ident.RoomID(i + 1))
		}
		before := bytes.Clone(was[7].JSON)
		s.gone.Store(true)
		calls, from := s.calls.Load(), time.Now()
		for i := range was {
			id := ident.RoomID(i + 1)
			if e, ok := r.Lookup(id); !ok || e != was[i] {
				t.Fatalf("room %s: %v", id, e)
			}
			if e, err := r.Get(t.Context(), id, 3); err != nil || e != was[i] {
				t.Fatalf("room %s: %v, %v", id, e, err)
			}
		}
		if n := s.calls.Load() - calls; n != 0 || time.Since(from) != 0 || !bytes.Equal(before, was[7].JSON) {
			t.Errorf("%d calls, %v", n, time.Since(from))
		}
		if n := testing.AllocsPerRun(100, func() { r.Lookup(8) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestMissesAreRefusedAtOnceWhenAllBehindIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, l3, outcomes := node(t)
		s.gone.Store(true)
		miss := func(id ident.RoomID) time.Duration {
			from := time.Now()
			if _, err := r.Get(t.Context(), id, 0); !errors.Is(err, fault.StoreUnavailable) {
				t.Fatalf("room %s: %v", id, err)
			}
			return time.Since(from)
		}
		for id := range ident.RoomID(5) {
			miss(id + 1) // these find out
		}
		calls, waited := s.calls.Load(), time.Duration(0)
		for id := range ident.RoomID(10_000) {
			waited += miss(id + 10)
		}
		// A probe may be under way, which is somebody's second; nobody else waits.
		if n := s.calls.Load() - calls; n > 2 || waited > l2Within+l3Within {
			t.Errorf("10,000 misses made %d calls and waited %v", n, waited)
		}
		if n := outcomes[guardRefused]; l3.breaker.State() != breaker.Open || n < 9990 {
			t.Errorf("state %d, %v", l3.breaker.State(), outcomes)
		}

		s.gone.Store(false)
		time.Sleep(10 * time.Second) // the longest pause
		if _, err := r.Get(t.Context(), 1, 0); !errors.Is(err, fault.RoomNotFound) {
			t.Errorf("after they came back: %v", err)
		}
		if l3.breaker.State() != breaker.Closed {
			t.Errorf("state %d", l3.breaker.State())
		}
	})
}

// counted is a guard's report, counted. Its calls are made one after the other.
func counted() (map[string]int, func(string, breaker.State)) {
	all := map[string]int{}
	return all, func(outcome string, _ breaker.State) { all[outcome]++ }
}

func TestASlowAnswerIsAskedForASecondTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, report := counted()
		g := newGuard(time.Second, 10*time.Millisecond, time.Now, report)
		var calls atomic.Int64
		slowFirst := func(ctx context.Context) (int64, error) {
			n := calls.Add(1)
			if n == 1 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			return n, nil
		}
		from := time.Now()
		if n, err := through(t.Context(), g, slowFirst); err != nil || n != 2 || time.Since(from) != 10*time.Millisecond {
			t.Errorf("%d, %v after %v", n, err, time.Since(from))
		}
		if all[guardOK] != 1 || all[guardHedged] != 1 {
			t.Errorf("%v", all)
		}
		synctest.Wait() // the first has ended with its context
	})
}

func TestSecondQuestionsAreOneInTen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, report := counted()
		g := newGuard(time.Second, 10*time.Millisecond, time.Now, report)
		for range 100 {
			if _, err := through(t.Context(), g, func(context.Context) (int, error) {
				time.Sleep(20 * time.Millisecond)
				return 0, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if all[guardHedged] != 10 {
			t.Errorf("%v", all)
		}
		synctest.Wait()
	})
}

func TestACallerThatGoesAwaySaysNothingOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, report := counted()
		g := newGuard(time.Second, 0, time.Now, report)
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, err := through(ctx, g, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
			cancel()
			if err == nil {
				t.Fatal("answered")
			}
		}
		if g.breaker.State() != breaker.Closed || all[guardGone] != 20 {
			t.Errorf("state %d, %v", g.breaker.State(), all)
		}
	})
}
