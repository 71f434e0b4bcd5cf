package breaker_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/guard/breaker"
)

// world is a breaker with hands on its clock and its dice.
type world struct {
	*breaker.Breaker
	now    time.Time
	jitter float64
}

func newWorld() *world {
	w := &world{now: time.Unix(1_790_000_000, 0), jitter: 0.5} // 0.5: a pause is as long as it says
	w.Breaker = breaker.New(breaker.Config{
		Window: 10 * time.Second, Minimum: 10, Ratio: 0.5, Pause: time.Second, MaxPause: 8 * time.Second,
		Now: func() time.Time { return w.now }, Jitter: func() float64 { return w.jitter },
	})
	return w
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// call makes a call that ends so; false when it was refused.
func (w *world) call(ok bool) bool {
	t, allowed := w.Allow()
	if allowed {
		w.Done(t, ok)
	}
	return allowed
}

func (w *world) calls(t *testing.T, n int, ok bool) {
	t.Helper()
	for i := range n {
		if !w.call(ok) {
			t.Fatalf("call %d of %d was refused", i+1, n)
		}
	}
}

func (w *world) want(t rapid.TB, s breaker.State) {
	t.Helper()
	if got := w.State(); got != s {
		t.Fatalf("state %d, want %d", got, s)
	}
}

func TestItOpensByRatioFromAMinimumOn(t *testing.T) {
	for _, c := range []struct {
		name       string
		ok, failed int
		want       breaker.State
	}{
		{"few calls prove nothing", 0, 9, breaker.Closed},
		{"all fail", 0, 10, breaker.Open},
		{"half fail", 10, 10, breaker.Open},
		{"less than half fail", 11, 10, breaker.Closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.calls(t, c.ok, true)
			w.calls(t, c.failed, false)
			w.want(t, c.want)
		})
	}
}

func TestOldFailuresAreForgotten(t *testing.T) {
	w := newWorld()
	w.calls(t, 9, false)
	w.pass(9 * time.Second)
	w.want(t, breaker.Closed)
	w.pass(time.Second)
	w.calls(t, 9, false) // the nine of before have left the window
	w.want(t, breaker.Closed)
	w.pass(9 * time.Second)
	w.calls(t, 1, false) // those of nine seconds ago have not
	w.want(t, breaker.Open)
}

func TestOneProbeAtATime(t *testing.T) {
	w := newWorld()
	w.calls(t, 10, false)
	w.pass(time.Second - 1)
	if w.call(true) {
		t.Fatal("a call passed before the pause was over")
	}
	w.pass(1)
	probe, ok := w.Allow()
	if !ok {
		t.Fatal("no probe after the pause")
	}
	w.want(t, breaker.HalfOpen)
	if w.call(true) {
		t.Fatal("a second call beside the probe")
	}
	w.Done(probe, true)
	w.want(t, breaker.Closed)
	w.calls(t, 9, false) // the count begins anew
	w.want(t, breaker.Closed)
}

func TestPausesDoubleUpToABound(t *testing.T) {
	w := newWorld()
	w.calls(t, 10, false)
	for _, pause := range []time.Duration{1, 2, 4, 8, 8} {
		w.pass(pause*time.Second - 1)
		if w.call(false) {
			t.Fatalf("a call passed before %d s", pause)
		}
		w.pass(1)
		w.calls(t, 1, false)
	}
	w.pass(8 * time.Second)
	w.calls(t, 1, true)
	w.calls(t, 10, false)
	w.pass(time.Second) // a success has brought the first pause back
	w.calls(t, 1, true)
}

func TestProbesOfManyNodesAreSpread(t *testing.T) {
	for _, c := range []struct {
		jitter float64
		pause  time.Duration
	}{{0, 500 * time.Millisecond}, {0.25, 750 * time.Millisecond}, {0.75, 1250 * time.Millisecond}} {
		w := newWorld()
		w.jitter = c.jitter
		w.calls(t, 10, false)
		w.pass(c.pause - 1)
		if w.call(true) {
			t.Errorf("jitter %v: a call passed before %v", c.jitter, c.pause)
		}
		w.pass(1)
		if !w.call(true) {
			t.Errorf("jitter %v: no probe after %v", c.jitter, c.pause)
		}
	}
}

func TestWhatHungSinceBeforeSaysNothing(t *testing.T) {
	w := newWorld()
	hung, _ := w.Allow()
	w.calls(t, 10, false)
	w.Done(hung, true) // it began before the breaker opened
	w.want(t, breaker.Open)
	w.pass(time.Second)
	w.calls(t, 1, true)
	for range 20 {
		w.Done(hung, false)
	}
	w.want(t, breaker.Closed)
}

func TestAProbeThatIsNeverHeardOfIsReplaced(t *testing.T) {
	w := newWorld()
	w.calls(t, 10, false)
	w.pass(time.Second)
	if _, ok := w.Allow(); !ok {
		t.Fatal("no probe")
	}
	w.pass(time.Second)
	w.calls(t, 1, true)
	w.want(t, breaker.Closed)
}

func TestAnAbandonedProbeIsRepeatedAtOnce(t *testing.T) {
	w := newWorld()
	w.calls(t, 10, false)
	w.pass(time.Second)
	probe, _ := w.Allow()
	w.Abandon(probe)
	w.calls(t, 1, true)
	w.want(t, breaker.Closed)
	ticket, _ := w.Allow()
	w.Abandon(ticket) // of an ordinary call nothing is to be repeated
	w.want(t, breaker.Closed)
}

// Whatever happens in whichever order: a breaker that has heard of no failure for a window is closed or
// gives a probe, and beside a probe nobody passes before the pause is over.
func TestAnyLife(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		var open []breaker.Ticket
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				before := w.State()
				ticket, ok := w.Allow()
				if before == breaker.Closed && !ok {
					t.Fatal("a closed breaker refused")
				}
				if before != breaker.Closed && ok {
					if _, second := w.Allow(); second {
						t.Fatal("two probes in one moment")
					}
				}
				if ok {
					open = append(open, ticket)
				}
			case 1:
				w.pass(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "pass")))
			default:
				if n := len(open); n > 0 {
					w.Done(open[n-1], rapid.Bool().Draw(t, "ok"))
					open = open[:n-1]
				}
			}
		}
		w.pass(12 * time.Second) // the longest pause there is
		if !w.call(true) {
			t.Fatal("refuses for ever")
		}
		w.want(t, breaker.Closed)
	})
}

func TestTheClosedPathDoesNotAllocate(t *testing.T) {
	w := newWorld()
	if n := testing.AllocsPerRun(1000, func() { w.call(true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkClosed(b *testing.B) {
	w := newWorld()
	b.ReportAllocs()
	for b.Loop() {
		w.call(true)
	}
}
