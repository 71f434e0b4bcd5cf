package leasetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

// Leases runs the suite. open makes an empty table that ends with the test.
func Leases(t *testing.T, open func(t *testing.T) lead.Leases) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, *world)
	}{
		{"the first to ask has it, the others see who", first},
		{"a renewal leaves the term", renewal},
		{"released, it is given anew, with the next term", released},
		{"run out, it is given anew, with the next term, be it to its last holder", runsOut},
		{"it does not run out while it is renewed", renewed},
		{"a release of an older term does nothing", lateRelease},
		{"names have nothing to do with one another", names},
		{"of many candidates exactly one has it, and each term is one holder's", crowd},
		{"an ended context is DEADLINE_EXCEEDED", endedContext},
	} {
		t.Run(c.promise, func(t *testing.T) { c.test(t, &world{t, open(t)}) })
	}
}

const (
	name = "sequencer"
	// long is longer than any test runs; short has run out when somebody looks a few times.
	long, short = time.Hour, 5 * time.Millisecond
)

var (
	anna = lead.Holder{ID: "anna", Addr: "127.0.0.1:1"}
	bert = lead.Holder{ID: "bert", Addr: "127.0.0.1:2"}
)

type world struct {
	*testing.T
	leases lead.Leases
}

func (w *world) take(me lead.Holder, ttl time.Duration) lead.Lease {
	w.Helper()
	lease, err := w.leases.Take(w.Context(), name, me, ttl)
	if err != nil {
		w.Fatal(err)
	}
	return lease
}

func (w *world) release(term lead.Term) {
	w.Helper()
	if err := w.leases.Release(w.Context(), name, term); err != nil {
		w.Fatal(err)
	}
}

// holds checks whom everybody sees with the lease; the zero Holder for nobody.
func (w *world) holds(who lead.Holder, term lead.Term) {
	w.Helper()
	got, err := w.leases.Holder(w.Context(), name)
	if err != nil {
		w.Fatal(err)
	}
	if want := (lead.Lease{Holder: who, Term: term}); got != want {
		w.Errorf("the lease is %+v, want %+v", got, want)
	}
}

// until asks until it holds.
func (w *world) until(what string, holds func() bool) {
	w.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(end) {
			w.Fatalf("still not: %s", what)
		}
	}
}

func first(t *testing.T, w *world) {
	w.holds(lead.Holder{}, 0)
	for _, me := range []lead.Holder{anna, bert, anna} {
		if got := w.take(me, long); got.Holder != anna || got.Term != 1 {
			t.Errorf("%s asked, and the lease is %+v", me.ID, got)
		}
	}
	w.holds(anna, 1)
}

func renewal(_ *testing.T, w *world) {
	w.take(anna, long)
	moved := lead.Holder{ID: anna.ID, Addr: "127.0.0.1:3"}
	if got := w.take(moved, long); got.Holder != moved || got.Term != 1 {
		w.Errorf("renewed from another address the lease is %+v", got)
	}
	w.holds(moved, 1)
}

func released(_ *testing.T, w *world) {
	w.take(anna, long)
	w.release(1)
	w.holds(lead.Holder{}, 0)
	if got := w.take(bert, long); got.Holder != bert || got.Term != 2 {
		w.Errorf("after a release the lease is %+v", got)
	}
	if got := w.take(anna, long); got.Holder != bert || got.Term != 2 {
		w.Errorf("who released it sees %+v", got)
	}
}

func runsOut(_ *testing.T, w *world) {
	w.take(anna, short)
	var had lead.Lease // a slow store may take longer to say so than the lease lasts: then bert takes it once more
	w.until("bert has what anna let run out", func() bool { had = w.take(bert, short); return had.Holder == bert })
	w.until("it runs out", func() bool { got, _ := w.leases.Holder(w.Context(), name); return got == lead.Lease{} })
	if got := w.take(bert, long); got.Holder != bert || had.Term < 2 || got.Term != had.Term+1 {
		w.Errorf("its last holder, of term %d, took it again, and it is %+v", had.Term, got)
	}
}

func renewed(_ *testing.T, w *world) {
	w.take(anna, short)
	if got := w.take(anna, long); got.Term > 1 {
		w.Skip("the machine was too slow to renew in time")
	}
	// Longer than the first ttl by the same clock: another lease runs out meanwhile.
	if _, err := w.leases.Take(w.Context(), "clock", anna, 2*short); err != nil {
		w.Fatal(err)
	}
	w.until("the other lease runs out", func() bool { got, _ := w.leases.Holder(w.Context(), "clock"); return got == lead.Lease{} })
	if got := w.take(bert, long); got.Holder != anna || got.Term != 1 {
		w.Errorf("a lease that was renewed is %+v", got)
	}
}

func lateRelease(_ *testing.T, w *world) {
	w.take(anna, long)
	w.release(1)
	w.take(bert, long)
	w.release(1)
	w.release(3)
	w.holds(bert, 2)
	w.release(2)
	w.release(2)
	w.holds(lead.Holder{}, 0)
}

func names(_ *testing.T, w *world) {
	w.take(anna, long)
	got, err := w.leases.Take(w.Context(), "projector", bert, long)
	if err != nil || got.Holder != bert || got.Term != 1 {
		w.Errorf("another name's lease is %+v, %v", got, err)
	}
	w.holds(anna, 1)
}

// crowd lets many take and release at once.
func crowd(_ *testing.T, w *world) {
	const candidates, terms = 8, 40
	var (
		mu      sync.Mutex
		holders = map[lead.Term]string{}
		all     sync.WaitGroup
	)
	for i := range candidates {
		me := lead.Holder{ID: fmt.Sprint("candidate ", i)}
		all.Go(func() {
			for last := lead.Term(0); last < terms; {
				got, err := w.leases.Take(w.Context(), name, me, long)
				if err != nil {
					w.Error(err)
					return
				}
				if got == (lead.Lease{}) {
					continue // released between its taking and our reading
				}
				if got.Term < last {
					w.Errorf("%s saw term %d after %d", me.ID, got.Term, last)
				}
				if last = got.Term; got.Holder != me {
					continue
				}
				mu.Lock()
				if other := holders[got.Term]; other != "" {
					w.Errorf("term %d is %s's and %s's", got.Term, other, me.ID)
				}
				holders[got.Term] = me.ID
				mu.Unlock()
				if err := w.leases.Release(w.Context(), name, got.Term); err != nil {
					w.Error(err)
				}
			}
		})
	}
	all.Wait()
	for term := lead.Term(1); term <= terms; term++ {
		if holders[term] == "" {
			w.Errorf("nobody had term %d", term)
		}
	}
}

func endedContext(_ *testing.T, w *world) {
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	if _, err := w.leases.Take(ctx, name, anna, long); !errors.Is(err, fault.DeadlineExceeded) {
		w.Errorf("asked under an ended context: %v", err)
	}
	w.holds(lead.Holder{}, 0)
}
