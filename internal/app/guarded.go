package app

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/guard/breaker"
)

const (
	// l2Within bounds a question to L2: beyond it L3, which knows for sure, has long answered. l3Within bounds one
	// to L3: a reader waits no longer, and what the query would still bring is asked for again.
	l2Within = 50 * time.Millisecond
	l3Within = time.Second
	// hedgeShare bounds second questions to one in so many: a store that is slow because it has too much to do must
	// not be asked twice as much.
	hedgeShare = 10
)

var (
	errRefused = errors.New("not asked: it has failed too often lately")
	errSlow    = errors.New("it did not answer in time")
)

// guard stands in front of what is behind L1: a breaker, a time-out, and a second question when the first is slow.
type guard struct {
	breaker *breaker.Breaker
	within  time.Duration
	hedge   time.Duration // 0: never
	report  func(outcome string, s breaker.State)

	calls, hedged atomic.Int64
}

// What came of a call through a guard.
const (
	guardOK      = "ok"
	guardFailed  = "failed"
	guardSlow    = "slow"    // no answer in time
	guardRefused = "refused" // the breaker was open
	guardHedged  = "hedged"  // asked a second time; counts beside what came of it
	guardGone    = "gone"    // the caller went away first
)

func newGuard(within, hedge time.Duration, now func() time.Time, report func(string, breaker.State)) *guard {
	return &guard{within: within, hedge: hedge, report: report, breaker: breaker.New(breaker.Config{
		// By the fifth call that hangs L2 has cost its readers a quarter of a second, and L3, of which four queries
		// run at a time, two seconds. Soon after somebody looks whether it is back: most outages are short.
		Window: 10 * time.Second, Minimum: 5, Ratio: 0.5, Pause: 100 * time.Millisecond, MaxPause: 5 * time.Second,
		Now: now, Jitter: rand.Float64,
	})}
}

// through makes a call if the breaker lets it.
func through[T any](ctx context.Context, g *guard, call func(context.Context) (T, error)) (T, error) {
	ticket, ok := g.breaker.Allow()
	if !ok {
		g.report(guardRefused, g.breaker.State())
		var nothing T
		return nothing, errRefused
	}
	bounded, cancel := context.WithTimeoutCause(ctx, g.within, errSlow)
	defer cancel()
	answer, err := ask(bounded, g, call)
	outcome := guardOK
	switch {
	case err == nil:
		g.breaker.Done(ticket, true)
	case ctx.Err() != nil:
		outcome = guardGone // it says nothing of the store
		g.breaker.Abandon(ticket)
	default:
		outcome = guardFailed
		if bounded.Err() != nil {
			outcome, err = guardSlow, errors.Join(context.Cause(bounded), err)
		}
		g.breaker.Done(ticket, false)
	}
	g.report(outcome, g.breaker.State())
	return answer, err
}

// ask makes the call, and once more when it takes long. The first good answer counts; the other call
// ends with ctx.
func ask[T any](ctx context.Context, g *guard, call func(context.Context) (T, error)) (T, error) {
	if g.hedge == 0 {
		return call(ctx)
	}
	type answer struct {
		is  T
		err error
	}
	answers := make(chan answer, 2)
	once := func() {
		is, err := call(ctx)
		answers <- answer{is, err}
	}
	calls := g.calls.Add(1)
	go once()
	slow := time.NewTimer(g.hedge)
	defer slow.Stop()
	select {
	case a := <-answers:
		return a.is, a.err
	case <-slow.C:
	}
	if g.hedged.Load()*hedgeShare >= calls {
		a := <-answers
		return a.is, a.err
	}
	g.hedged.Add(1)
	g.report(guardHedged, g.breaker.State())
	go once()
	a := <-answers
	if a.err != nil {
		a = <-answers
	}
	return a.is, a.err
}

// guardedSecond is L2 behind a guard.
type guardedSecond struct {
	query.Second
	*guard
}

// Fetch is query.Second.
func (s guardedSecond) Fetch(ctx context.Context, ids []ident.RoomID) ([]query.Kept, error) {
	return through(ctx, s.guard, func(ctx context.Context) ([]query.Kept, error) { return s.Second.Fetch(ctx, ids) })
}

// Offer is query.Second. A write is not asked twice: it has no reader who waits.
func (s guardedSecond) Offer(ctx context.Context, entries []query.Kept) error {
	write := &guard{breaker: s.breaker, within: s.within, report: s.report}
	_, err := through(ctx, write, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.Second.Offer(ctx, entries) })
	return err
}

// guardedViews is L3 behind a guard. OnAir and Newest are not readers' questions: they read everything, for as
// long as it takes, and whoever runs them tries again.
type guardedViews struct {
	query.Views
	*guard
}

// Cards is query.Views.
func (v guardedViews) Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error) {
	return through(ctx, v.guard, func(ctx context.Context) ([]view.RoomCard, error) { return v.Views.Cards(ctx, ids) })
}

// ByAnchor is query.Views.
func (v guardedViews) ByAnchor(ctx context.Context, anchor ident.AnchorID, limit int) ([]view.RoomCard, error) {
	return through(ctx, v.guard, func(ctx context.Context) ([]view.RoomCard, error) { return v.Views.ByAnchor(ctx, anchor, limit) })
}

// Areas is query.Views.
func (v guardedViews) Areas(ctx context.Context) ([]view.Area, error) {
	return through(ctx, v.guard, v.Views.Areas)
}

// guarded is the engines with guards in front of what readers wait for.
func (e Engines) guarded(hedge time.Duration, b behind) Engines {
	if e.L2 != nil {
		e.L2 = guardedSecond{e.L2, newGuard(l2Within, hedge, time.Now, b.guard("l2"))}
	}
	if e.L3 == nil {
		e.L3 = e.Views
	}
	e.L3 = guardedViews{e.L3, newGuard(l3Within, hedge, time.Now, b.guard("l3"))}
	return e
}

// behind are the instruments of what stands behind L1.
type behind struct {
	rooms   *prometheus.CounterVec
	calls   *prometheus.CounterVec
	open    *prometheus.GaugeVec
	damaged prometheus.Counter
}

func newBehind() behind {
	b := behind{
		rooms: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "greenroom_query_behind_total",
			Help: "What came of the questions behind L1, in rooms: found, doubted (there, but perhaps not the newest), missed, failed, offered and dropped at L2; loaded from L3, and queries of it (queried).",
		}, []string{"what"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "greenroom_breaker_calls_total",
			Help: "Calls of L2 and L3 by outcome: ok, failed, slow (no answer in time), refused (the breaker is open), gone (the caller), and hedged (asked a second time).",
		}, []string{"port", "outcome"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "greenroom_breaker_open_ratio",
			Help: "State of the breaker in front of L2 and L3: 0 closed, 0.5 a probe is under way, 1 open.",
		}, []string{"port"}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "greenroom_rediscache_damaged_total", Help: "Values of L2 that could not be used: cut, altered, or of another room.",
		}),
	}
	for _, what := range query.Behind() {
		b.rooms.WithLabelValues(what)
	}
	return b
}

func (b behind) count(what string, n int) { b.rooms.WithLabelValues(what).Add(float64(n)) }

// guard makes the instruments of one port, all at zero so that they can be alarmed on.
func (b behind) guard(port string) func(outcome string, s breaker.State) {
	for _, outcome := range []string{guardOK, guardFailed, guardSlow, guardRefused, guardHedged, guardGone} {
		b.calls.WithLabelValues(port, outcome)
	}
	open := b.open.WithLabelValues(port)
	return func(outcome string, s breaker.State) {
		b.calls.WithLabelValues(port, outcome).Inc()
		open.Set(openRatio(s))
	}
}
