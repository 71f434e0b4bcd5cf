package lead

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// The usual times. A leader that dies is replaced after at most ttl, for its lease to run out, and renew, for
// the next look of another candidate: 2.5 s.
const (
	defaultTTL   = 2 * time.Second
	defaultRenew = 500 * time.Millisecond
	// marginShare of the ttl is what the work has for noticing that its context ended: 200 ms.
	marginShare = 10
	// releaseWithin bounds the last call of a leadership: without it the lease runs out by itself.
	releaseWithin = time.Second
)

// Why a leadership ended.
var (
	errUnproven = errors.New("the lease could not be renewed in time")
	errTaken    = errors.New("another one holds the lease, or it was interrupted")
	errFinished = errors.New("the work returned")
)

// Config is what a Candidate is made of. Leases, Name, Me and Lead are required.
type Config struct {
	Leases Leases
	// Name of the lease, the same for all who compete.
	Name string
	Me   Holder
	// Lead does the work as the leader of the term, until ctx ends or it can no longer; then it must return soon,
	// and all it started must have ended. It is never called again before it has returned. An error, NOT_LEADER or
	// any other, and nil as well, steps down.
	Lead func(ctx context.Context, term Term) error
	// TTL is how long the lease is good without a renewal, Renew how often it is renewed by who has it, and looked
	// at by who has not. 0: 2 s and 500 ms. A TTL must leave room for some renewals that fail.
	TTL, Renew time.Duration
	// Jitter draws from [0,1), so that many candidates do not ask in step; nil: at random.
	Jitter func() float64
	// Observe is told when this candidate begins and when it ends to lead, in order; may be nil.
	Observe func(leads bool, term Term)
	Logger  *slog.Logger
}

// Candidate competes for a lease, and leads while it has it.
//
// It has no clock to be given: what it measures must be the monotonic time of the process, which no one sets.
type Candidate struct {
	Config

	known atomic.Pointer[Lease]
}

// New makes a candidate. It competes from Run on.
func New(c Config) *Candidate {
	c.TTL, c.Renew = cmp.Or(c.TTL, defaultTTL), cmp.Or(c.Renew, defaultRenew)
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	if c.Observe == nil {
		c.Observe = func(bool, Term) {}
	}
	out := &Candidate{Config: c}
	out.known.Store(&Lease{})
	return out
}

// Leader is the lease as this candidate saw it last, at most one Renew ago while the database answers: the zero
// Lease before the first look, and after it stepped down. It is a hint for whom to ask, and proves nothing:
// whoever is asked knows better.
func (c *Candidate) Leader() Lease { return *c.known.Load() }

// Run competes and leads until ctx ends; then it waits for Lead to return and releases the lease. It returns nil.
func (c *Candidate) Run(ctx context.Context) error {
	failed, answered := 0, true
	for ctx.Err() == nil {
		asked := time.Now()
		lease, err := c.take(ctx)
		if err != nil && answered && ctx.Err() == nil {
			c.Logger.Warn("lead: nobody can tell who leads, will ask until somebody can", "lease", c.Name, "error", err)
		}
		answered = err == nil
		// Also while the database is away: two small questions a second from each process are no load for one that
		// comes back, and a growing wait would be added to the next takeover.
		wait := c.Renew - time.Duration(c.Jitter()*float64(c.Renew/4))
		// An answer that comes when the lease may have run out again begins nothing: it is asked for once more.
		if err == nil && lease.ID == c.Me.ID && time.Now().Before(c.provenUntil(asked)) {
			if c.lead(ctx, lease.Term, asked) >= c.TTL {
				failed = 0
			}
			failed++
			wait = c.backoff(failed)
		}
		pause(ctx, wait)
	}
	return nil
}

// take asks for the lease. A question that takes as long as a Renew is given up: perhaps only its connection is dead,
// and there is time to ask on another before the lease runs out.
func (c *Candidate) take(ctx context.Context) (Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Renew)
	defer cancel()
	lease, err := c.Leases.Take(ctx, c.Name, c.Me, c.TTL)
	if err == nil {
		c.known.Store(&lease)
	}
	return lease, err
}

// backoff lets another candidate come first after a work that ended: the others look every Renew, and it waits for
// one at least. It grows up to a TTL only, so that the last one left is back before a dead leader's lease has run out.
func (c *Candidate) backoff(failed int) time.Duration {
	half := min(c.Renew<<min(failed-1, 8), max(c.TTL/2, c.Renew))
	return half + time.Duration(c.Jitter()*float64(half))
}

// lead does the work of one term, and says for how long it did. The lease was good for a TTL when it was asked for.
func (c *Candidate) lead(ctx context.Context, term Term, asked time.Time) time.Duration {
	log := c.Logger.With("lease", c.Name, "term", int64(term))
	log.Info("lead: leading")
	c.Observe(true, term)
	leading, end := context.WithCancelCause(ctx)
	defer end(nil)
	// A timer of its own: a Take that hangs, heeding its context or not, must not keep the work going.
	proven := time.AfterFunc(time.Until(c.provenUntil(asked)), func() { end(errUnproven) })
	defer proven.Stop()

	ended := make(chan time.Time, 1)
	context.AfterFunc(leading, func() { ended <- time.Now() })
	var both errgroup.Group
	both.Go(func() error {
		err := c.Lead(leading, term)
		end(errFinished) // unless it has ended for another reason
		if late := time.Since(<-ended); late > c.margin() {
			log.Error("lead: the work went on after its time; only the fence kept its writes out", "for", late)
		}
		return err
	})
	both.Go(func() error {
		c.renew(leading, term, proven, end)
		return nil
	})
	err := both.Wait()
	c.Observe(false, term)
	log.Info("lead: not leading any more", "why", context.Cause(leading), "error", err)
	c.release(ctx, term, log)
	return time.Since(asked)
}

func (c *Candidate) margin() time.Duration { return c.TTL / marginShare }

// provenUntil is how long a lease that was asked for at a moment is ours for certain: it cannot have begun
// in the database before that.
func (c *Candidate) provenUntil(asked time.Time) time.Time { return asked.Add(c.TTL - c.margin()) }

// renew keeps the lease while ctx lasts, and ends it with the reason when the lease is lost. It returns when ctx has
// ended and no Take is under way: one that came after the release would get the lease back for nobody.
func (c *Candidate) renew(ctx context.Context, term Term, proven *time.Timer, end context.CancelCauseFunc) {
	for asked := time.Now(); ; {
		pause(ctx, c.Renew-time.Since(asked))
		if ctx.Err() != nil {
			return
		}
		asked = time.Now()
		lease, err := c.take(ctx)
		switch {
		case ctx.Err() != nil: // too late for whatever the answer is
		case err != nil:
			c.Logger.Warn("lead: cannot renew the lease", "lease", c.Name, "term", int64(term), "error", err)
		case lease.ID != c.Me.ID || lease.Term != term:
			end(errTaken)
		default:
			proven.Reset(time.Until(c.provenUntil(asked)))
		}
	}
}

// release gives the lease back, also when ctx has ended: that is what it is for.
func (c *Candidate) release(ctx context.Context, term Term, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	if err := c.Leases.Release(ctx, c.Name, term); err != nil {
		log.Warn("lead: the lease was not released, it will run out by itself", "error", err)
		return
	}
	if c.Leader().ID == c.Me.ID {
		c.known.Store(&Lease{})
	}
}

// pause waits, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
