package project

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// silence is how long beats may stay away before the log is asked instead.
	silence = time.Second
	// lookAnyway is how often the log is asked although beats come and nothing is missing: whoever beats may be
	// wrong about it.
	lookAnyway = 5 * time.Second
)

// Beats is the receiving end of the log's heartbeat.
type Beats interface {
	// Beats calls hear with each beat that arrives, until ctx ends. Beats may be lost, repeated and late.
	// hear must not block.
	Beats(ctx context.Context, hear func(event.Beat)) error
}

// claim says that everything committed before at has a feed_seq of at most seq. It becomes proof of freshness when the
// feed has reached seq.
type claim struct {
	seq ident.FeedSeq
	at  time.Time // zero: none
}

// proof turns claims into freshness. Beats bring them, and so does a look at the log's head. It has a lock of
// its own: a beat waits for no transaction.
type proof struct {
	proven atomic.Pointer[claim]
	filled atomic.Bool

	mu    sync.Mutex
	epoch string
	end   ident.FeedSeq
	// open waits for the feed to reach it. It is kept when later claims come, which would be reached later
	// still: under a load that never pauses the newest one is always ahead of the feed.
	open claim
	// reached is the newest proof by these views' log: it does not go back.
	reached claim

	heard  time.Time // when the newest beat came
	looked time.Time // when the log was asked
}

// stands is called with every new position.
func (f *proof) stands(at Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.end = at.Epoch, at.Contiguous
	if !f.open.at.IsZero() && f.open.seq <= f.end {
		f.prove(f.open)
		f.open = claim{}
	}
}

// void drops what waits for proof, and proves nothing until the views are filled.
func (f *proof) void(at Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch, f.end, f.open, f.reached = at.Epoch, at.Contiguous, claim{}, claim{}
	f.filled.Store(false)
}

// take weighs a claim about a log; false when that is another log than the views', or one that went back.
func (f *proof) take(epoch string, c claim) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if epoch != f.epoch || c.seq < f.reached.seq && c.at.After(f.reached.at) {
		return false
	}
	switch {
	case !f.filled.Load(): // the feed's end says nothing about cards that are still missing
	case c.seq <= f.end:
		f.prove(c)
	case f.open.at.IsZero() || c.seq < f.open.seq || c.seq == f.open.seq && c.at.After(f.open.at):
		f.open = c
	}
	return true
}

// prove keeps the later of two proofs: a claim that was long on its way takes nothing back. mu is held.
func (f *proof) prove(c claim) {
	if !c.at.Before(f.reached.at) {
		f.reached = c
	}
	if old := f.proven.Load(); old == nil || c.at.After(old.at) {
		f.proven.Store(&c)
	}
}

// beats reports whether beats come and nothing is known to be missing, so that the log need not be asked.
func (f *proof) beats(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open.at.IsZero() && now.Sub(f.heard) < silence && now.Sub(f.looked) < lookAnyway
}

func (f *proof) lookedAt(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = now
}

// Beat is relay.BeatCourier, and takes what Beats brings. It never blocks and never fails.
//
// B's clock and ours may differ. What was sent had happened before it arrived, so a clock of B's that runs ahead
// is held back to our own; one that runs behind makes answers look older than they are.
func (p *Projector) Beat(_ context.Context, b event.Beat) error {
	now := p.clock()
	at := b.At
	if at.After(now) {
		at = now
	}
	if !p.proof.take(b.Epoch, claim{b.Seq, at}) {
		p.lookNow() // Run decides which log is ours
		return nil
	}
	p.proof.mu.Lock()
	defer p.proof.mu.Unlock()
	p.proof.heard = now
	return nil
}

// Proven says how fresh the views are: they hold everything that was committed before at, and the feed went to seq
// then, or less far. Zero as long as nothing is proven.
func (p *Projector) Proven() (seq ident.FeedSeq, at time.Time) {
	if c := p.proof.proven.Load(); c != nil {
		return c.seq, c.at
	}
	return 0, time.Time{}
}

// ProvenAt is query.Freshness.
func (p *Projector) ProvenAt() time.Time {
	_, at := p.Proven()
	return at
}

// Complete is query.Freshness.
func (p *Projector) Complete() bool { return p.proof.filled.Load() }
