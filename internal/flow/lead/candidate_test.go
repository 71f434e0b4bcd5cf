package lead_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ttl   = 2 * time.Second
	renew = 500 * time.Millisecond
	// takeover is the longest that nobody may lead after a leader died.
	takeover = ttl + renew
)

// reign is one call of Lead. ended is when its context did, left when it returned.
type reign struct {
	term               lead.Term
	began, ended, left time.Time
}

// process is a candidate with what it did. Its work lasts until its context ends, or as the test says.
type process struct {
	*lead.Candidate
	*line
	stop func() // ends Run in order, and waits for it

	mu     sync.Mutex
	reigns []*reign
	told   []bool
	// work, when set, is what Lead does.
	work func(ctx context.Context, term lead.Term) error
}

func start(t *testing.T, db *table, id string, work func(context.Context, lead.Term) error) *process {
	p := &process{line: &line{table: db}, work: work}
	p.Candidate = lead.New(lead.Config{
		Leases: p.line, Name: "sequencer", Me: lead.Holder{ID: id, Addr: id + ":1"}, Lead: p.lead,
		Observe: func(leads bool, _ lead.Term) { p.told = append(p.told, leads) },
		Logger:  slog.New(slog.DiscardHandler), Jitter: func() float64 { return 0 },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run of %s: %v", id, err)
		}
	})
	return p
}

func (p *process) lead(ctx context.Context, term lead.Term) error {
	r := &reign{term: term, began: time.Now()}
	p.mu.Lock()
	p.reigns = append(p.reigns, r)
	p.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		r.ended = time.Now()
	})
	defer stop()
	var err error
	if p.work != nil {
		err = p.work(ctx, term)
	} else {
		<-ctx.Done()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r.left = time.Now()
	if r.ended.IsZero() {
		r.ended = r.left
	}
	return err
}

// terms that this process led, oldest first.
func (p *process) terms() (out []lead.Term) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.reigns {
		out = append(out, r.term)
	}
	return out
}

// last is the newest reign as it is now.
func (p *process) last() reign {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.reigns) == 0 {
		return reign{}
	}
	return *p.reigns[len(p.reigns)-1]
}

func (p *process) leads() bool {
	r := p.last()
	return !r.began.IsZero() && r.ended.IsZero()
}

func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// dead is a connection over which nothing goes.
func dead() trouble { return trouble{there: time.Hour} }

// two runs the test with a leader that has led for a while, and one who waits.
func two(t *testing.T, test func(t *testing.T, db *table, leader, other *process)) {
	synctest.Test(t, func(t *testing.T) {
		db := &table{}
		a := start(t, db, "a", nil)
		defer a.stop()
		after(time.Millisecond)
		b := start(t, db, "b", nil)
		defer b.stop()
		after(10 * time.Second)
		if !a.leads() || len(a.terms()) != 1 || len(b.terms()) != 0 {
			t.Fatalf("after ten quiet seconds a led %v, b led %v", a.terms(), b.terms())
		}
		if a.Leader().ID != "a" || b.Leader() != (lead.Lease{Holder: lead.Holder{ID: "a", Addr: "a:1"}, Term: 1}) {
			t.Fatalf("a says %v leads, b says %v", a.Leader(), b.Leader())
		}
		test(t, db, a, b)
	})
}

func TestAStoppedLeaderIsReplacedAtTheNextLook(t *testing.T) {
	two(t, func(t *testing.T, _ *table, a, b *process) {
		a.stop()
		stopped := time.Now()
		after(renew)
		if r := b.last(); r.term != 2 || r.began.Sub(stopped) > renew {
			t.Errorf("b led term %d, %s after a had stopped", r.term, r.began.Sub(stopped))
		}
		if a.Leader() != (lead.Lease{}) || fmt.Sprint(a.told) != "[true false]" {
			t.Errorf("a says that %v leads, and told %v", a.Leader(), a.told)
		}
	})
}

func TestALeaderThatIsCutOffEndsBeforeItIsReplaced(t *testing.T) {
	for name, broken := range map[string]func() trouble{
		"refused at once":          func() trouble { return trouble{lost: true} },
		"no answer":                dead,
		"no answer, ctx unheeded":  func() trouble { return trouble{there: time.Hour, deaf: true} },
		"frozen beyond its lease":  func() trouble { return trouble{back: 20 * time.Second, deaf: true} },
		"late, but then it is yes": func() trouble { return trouble{there: 3 * time.Second, deaf: true} },
	} {
		t.Run(name, func(t *testing.T) {
			two(t, func(t *testing.T, _ *table, a, b *process) {
				renewed := time.Now() // at most a renew ago
				a.set(broken)
				after(takeover + 20*time.Second)
				a.set(nil)
				led, next := a.last(), b.last()
				if led.term != 1 || next.term != 2 {
					t.Fatalf("a led %v, b led %v", a.terms(), b.terms())
				}
				if ended := led.ended.Sub(renewed); ended > ttl || ended < ttl-renew-ttl/10 {
					t.Errorf("a led for %s without a renewal", ended)
				}
				if gap := next.began.Sub(led.ended); gap <= 0 || next.began.Sub(renewed) > takeover {
					t.Errorf("b began %s after a ended, %s after the last renewal", gap, next.began.Sub(renewed))
				}
				after(time.Hour)
			})
		})
	}
}

// A connection that dies while another can be had costs no leadership: a hanging question is given up in time.
func TestOneHangingQuestionCostsNothing(t *testing.T) {
	two(t, func(t *testing.T, _ *table, a, b *process) {
		once := sync.OnceValue(dead)
		first := true
		a.set(func() trouble {
			if first {
				first = false
				return once()
			}
			return trouble{}
		})
		after(10 * time.Second)
		if !a.leads() || len(a.terms()) != 1 || len(b.terms()) != 0 {
			t.Errorf("a led %v, b led %v", a.terms(), b.terms())
		}
	})
}

func TestADatabaseThatIsAwayEndsNobodyEarly(t *testing.T) {
	two(t, func(t *testing.T, _ *table, a, b *process) {
		for _, p := range []*process{a, b} {
			p.set(func() trouble { return trouble{lost: true} })
		}
		asked := b.count()
		after(ttl - renew - ttl/10 - time.Millisecond)
		if !a.leads() {
			t.Error("a gave up while its lease was good")
		}
		after(time.Minute)
		if a.leads() || len(b.terms()) != 0 {
			t.Errorf("nobody could ask, and a led %v, b %v", a.terms(), b.terms())
		}
		if n := b.count() - asked; n < 100 || n > 130 {
			t.Errorf("b asked %d times in a minute", n)
		}
		for _, p := range []*process{a, b} {
			p.set(nil)
		}
		after(renew)
		if a.leads() == b.leads() {
			t.Errorf("a look after the database is back a led %v, b %v", a.terms(), b.terms())
		}
	})
}

func TestAClockThatJumpsAheadMakesTwoLeadersButOneWriter(t *testing.T) {
	two(t, func(t *testing.T, db *table, a, b *process) {
		if err := db.write(1); err != nil {
			t.Fatal(err)
		}
		jumped := time.Now()
		b.set(nil)
		db.jump(time.Minute)
		a.set(dead)
		after(renew)
		if !b.leads() || b.last().term != 2 || !a.leads() {
			t.Fatalf("after the jump a led %v, b %v", a.terms(), b.terms())
		}
		if err := db.write(1); !errors.Is(err, fault.NotLeader) {
			t.Errorf("a write of the first term: %v", err)
		}
		after(ttl)
		if r := a.last(); r.ended.IsZero() || r.ended.Sub(jumped) > ttl {
			t.Error("a still leads")
		}
	})
}

// What a sees is enough: it need not wait for its lease to run out.
func TestALeaderEndsWhenItSeesAnother(t *testing.T) {
	two(t, func(t *testing.T, db *table, a, _ *process) {
		db.jump(time.Minute)
		db.Take(t.Context(), "", lead.Holder{ID: "c"}, time.Hour)
		after(renew)
		if a.leads() || a.Leader().ID != "c" {
			t.Errorf("c holds the lease, a leads: %t, and names %q", a.leads(), a.Leader().ID)
		}
	})
}

// A lease that ran out and came back to the same process is another term: what was written meanwhile is unknown.
func TestAnInterruptedLeaseIsAnotherTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &table{}
		a := start(t, db, "a", nil)
		defer a.stop()
		after(5 * time.Second)
		db.jump(time.Minute)
		after(takeover)
		if fmt.Sprint(a.terms()) != "[1 2]" || !a.leads() {
			t.Errorf("it led %v", a.terms())
		}
	})
}

func TestAWorkThatFailsStepsDown(t *testing.T) {
	for name, err := range map[string]error{"an error": errors.New("no"), "fenced": fault.NotLeader.New("2"), "nil": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &table{}
				a := start(t, db, "a", func(context.Context, lead.Term) error { return err })
				defer a.stop()
				after(time.Millisecond)
				b := start(t, db, "b", nil)
				defer b.stop()
				after(renew)
				if len(a.terms()) != 1 || !b.leads() {
					t.Errorf("a led %v, b led %v", a.terms(), b.terms())
				}
			})
		})
	}
}

// With nobody to replace it, a work that fails is tried again less and less often, and is back within a ttl.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, &table{}, "a", func(context.Context, lead.Term) error { return errAway })
		defer a.stop()
		after(10 * time.Second)
		a.mu.Lock()
		defer a.mu.Unlock()
		var waits []time.Duration
		for i := 1; i < len(a.reigns); i++ {
			waits = append(waits, a.reigns[i].began.Sub(a.reigns[i-1].began))
		}
		if want := "[500ms 1s 1s 1s 1s 1s 1s 1s 1s 1s]"; fmt.Sprint(waits) != want {
			t.Errorf("it waited %v, want %s", waits, want)
		}
	})
}

// Nobody is started beside itself: a work that does not heed its context keeps its own process from leading.
func TestAWorkThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &table{}
		a := start(t, db, "a", func(ctx context.Context, term lead.Term) error {
			<-ctx.Done()
			<-time.After(time.Minute)
			return db.write(term)
		})
		defer a.stop()
		after(time.Second)
		b := start(t, db, "b", nil)
		defer b.stop()
		a.set(dead)
		after(takeover)
		a.set(nil)
		if a.leads() || !b.leads() {
			t.Fatalf("a led %v, b led %v", a.terms(), b.terms())
		}
		asked := a.count()
		after(30 * time.Second)
		if n := a.count() - asked; n != 0 {
			t.Errorf("while its work goes on, a asked for the lease %d times", n)
		}
		after(time.Minute)
		if db.fenced != 1 || len(db.wrote) != 0 || !b.leads() || len(a.terms()) != 1 {
			t.Errorf("%d writes of the old term were refused, %d let in", db.fenced, len(db.wrote))
		}
	})
}
