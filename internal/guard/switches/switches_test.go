package switches_test

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func set(store switches.Store) *switches.Set {
	return switches.New(switches.Config{Store: store, Logger: slog.New(slog.DiscardHandler)})
}

func turn(on bool) switches.Turn {
	return switches.Turn{Name: switches.CourierQueue.Name, On: on, By: "ops", Reason: "the broker is slow"}
}

func TestDefaults(t *testing.T) {
	s := switches.New(switches.Config{})
	for _, is := range switches.Registry() {
		if s.On(is) != is.Default {
			t.Errorf("%s stands at %t", is.Name, s.On(is))
		}
		if !regexp.MustCompile(`^[a-z]+\.[a-z]+$`).MatchString(is.Name) || !strings.HasSuffix(is.Meaning, ".") {
			t.Errorf("%s: %q", is.Name, is.Meaning)
		}
	}
}

// A turn is obeyed by who made it at once, by the others at their next look, and what was asked before stays as it was.
func TestATurnReachesEveryProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewSwitches()
		a, b := set(store), set(store)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		defer func() {
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		asking, before := b.Asking(switches.CourierQueue), b.Now()
		state, err := a.Turn(ctx, turn(false), 0)
		if err != nil || state.On || state.Version != 1 || a.On(switches.CourierQueue) {
			t.Fatalf("turned: %+v, %v", state, err)
		}
		if !asking() {
			t.Error("b heard of it without a look")
		}
		<-time.After(500 * time.Millisecond)
		synctest.Wait()
		if asking() || !b.On(switches.CourierDirect) || !before.On(switches.CourierQueue) {
			t.Errorf("b: queue %t, direct %t; the snapshot of before: %t", asking(), b.On(switches.CourierDirect), before.On(switches.CourierQueue))
		}
	})
}

// Who cannot read goes on with what was known.
func TestAStoreThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.NewSwitches()
		var away atomic.Bool
		store.Fail = func() error {
			if away.Load() {
				return fault.StoreUnavailable.New("away")
			}
			return nil
		}
		s := set(store)
		if _, err := s.Turn(t.Context(), turn(false), 0); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		defer func() { stop(); <-done }()
		synctest.Wait()
		away.Store(true)
		read := s.ReadAt()
		<-time.After(time.Minute)
		if s.On(switches.CourierQueue) || !s.ReadAt().Equal(read) {
			t.Errorf("it fell back to the default, or says it was read at %s", s.ReadAt())
		}
		if _, err := s.Turn(ctx, turn(true), 0); !errors.Is(err, fault.StoreUnavailable) {
			t.Errorf("turned: %v", err)
		}
	})
}

func TestTurn(t *testing.T) {
	s := set(memory.NewSwitches())
	for name, row := range map[string]struct {
		turn switches.Turn
		code *fault.Code
	}{
		"unknown":     {switches.Turn{Name: "courier.pigeon", Reason: "x"}, fault.SwitchNotFound},
		"no reason":   {switches.Turn{Name: "courier.queue", Reason: " \n"}, fault.InvalidArgument},
		"long reason": {switches.Turn{Name: "courier.queue", Reason: strings.Repeat("x", 501)}, fault.InvalidArgument},
	} {
		if _, err := s.Turn(t.Context(), row.turn, 0); !errors.Is(err, row.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must := func(on bool) switches.State {
		t.Helper()
		state, err := s.Turn(t.Context(), turn(on), 0)
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	if state := must(true); state.Version != 0 || len(state.Turns) != 0 {
		t.Errorf("a turn to where it stands was recorded: %+v", state)
	}
	must(false)
	must(true)
	if _, err := s.Turn(t.Context(), turn(false), 1); !errors.Is(err, fault.VersionConflict) || fault.Of(err).Details["version"] != "2" {
		t.Errorf("a turn of an old version: %v", err)
	}
	if _, err := s.Turn(t.Context(), turn(false), 2); err != nil {
		t.Error(err)
	}
	for range 10 {
		must(true)
		must(false)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != len(switches.Registry()) {
		t.Fatalf("%v, %v", all, err)
	}
	queue := all[0]
	if queue.Name != "courier.queue" || queue.On || queue.Version != 23 || len(queue.Turns) != 10 || queue.Turns[0].By != "ops" || queue.Turns[9].Version != 14 {
		t.Errorf("courier.queue: %+v", queue)
	}
	if direct := all[1]; !direct.On || direct.Version != 0 || direct.Turns != nil {
		t.Errorf("courier.direct: %+v", direct)
	}
}

// TestOneSnapshotDoesNotChange reads beside turns: asked twice, a snapshot says the same twice.
func TestOneSnapshotDoesNotChange(t *testing.T) {
	s := set(memory.NewSwitches())
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				now := s.Now()
				if before := now.On(switches.CourierQueue); before != now.On(switches.CourierQueue) {
					t.Error("a snapshot changed")
				}
			}
		})
	}
	for i := range 200 {
		if _, err := s.Turn(t.Context(), turn(i%2 == 1), 0); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	readers.Wait()
}

func BenchmarkOn(b *testing.B) {
	s := switches.New(switches.Config{})
	b.ReportAllocs()
	for b.Loop() {
		if !s.On(switches.CourierQueue) {
			b.Fatal("off")
		}
	}
}
