// Package proof turns claims about a log into freshness of the views that follow it.
//
// A Claim says that everything committed before a moment has a feed_seq of at most some number. It becomes proof when
// the views have reached that number: they were then, beyond doubt, as new as the truth was at that moment. Claims come with
// beats, with a look at the log's head, and from room_c, where the projector leaves the newest one that it could prove.
// Without claims nothing is proven, and the age of what is shown grows: it is never guessed.
//
// A claim may be lost, repeated, late, of another log, and from a clock that runs ahead; none of that makes something
// pass for fresher than it is. What was proven is taken back by Forget only.
//
// Nothing here waits: a claim that comes while a transaction runs is weighed at once. All methods are safe for
// concurrent use.
package proof

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// silence is how long beats may stay away before their log must be asked instead.
const silence = time.Second

// Claim says that everything committed before At has a feed_seq of at most Seq. It becomes proof of freshness when the
// feed has reached Seq. The zero Claim says nothing.
type Claim struct {
	Seq ident.FeedSeq
	At  time.Time
}

// HeldBack is the claim by a clock of ours that says now. The clock of whoever made it may differ: what was sent had
// happened before it arrived, so one that runs ahead is held back to our own; one that runs behind makes
// answers look older than they are.
func (c Claim) HeldBack(now time.Time) Claim {
	if c.At.After(now) {
		c.At = now
	}
	return c
}

// Proof weighs claims against where some views stand. The zero value proves nothing until the views are Filled.
type Proof struct {
	proven atomic.Pointer[Claim]
	filled atomic.Bool

	mu    sync.Mutex
	epoch string
	end   ident.FeedSeq
	// open waits for the feed to reach it. It is kept when later claims come, which would be reached later
	// still: under a load that never pauses the newest one is always ahead of the feed.
	open Claim
	// reached is the newest proof by these views' log: it does not go back.
	reached Claim
	heard   time.Time // when the newest beat came that was not refused
}

// Stands says where the views stand: they hold every event of this log up to end, and readers see them.
func (p *Proof) Stands(epoch string, end ident.FeedSeq) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch, p.end = epoch, end
	if !p.open.At.IsZero() && p.open.Seq <= p.end {
		p.prove(p.open)
		p.open = Claim{}
	}
}

// Filled says that every room of the log has its card. Before that, where the feed ends says nothing about cards
// that are still missing.
func (p *Proof) Filled() { p.filled.Store(true) }

// Complete reports whether the views are filled.
func (p *Proof) Complete() bool { return p.filled.Load() }

// Void drops what waits to be proven, and proves nothing until the views are filled again. What was proven was true.
func (p *Proof) Void(epoch string, end ident.FeedSeq) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch, p.end, p.open, p.reached = epoch, end, Claim{}, Claim{}
	p.filled.Store(false)
}

// Forget takes back what was proven: the views no longer hold what they held.
func (p *Proof) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open, p.reached = Claim{}, Claim{}
	p.proven.Store(nil)
}

// Take weighs a claim about a log; false when that is another log than the views', or one that went back.
func (p *Proof) Take(epoch string, c Claim) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if epoch != p.epoch || c.Seq < p.reached.Seq && c.At.After(p.reached.At) {
		return false
	}
	switch {
	case !p.filled.Load(): // the feed's end says nothing about cards that are still missing
	case c.Seq <= p.end:
		p.prove(c)
	case p.open.At.IsZero() || c.Seq < p.open.Seq || c.Seq == p.open.Seq && c.At.After(p.open.At):
		p.open = c
	}
	return true
}

// Beat weighs what a beat claims, which came now. It answers as Take does.
func (p *Proof) Beat(b event.Beat, now time.Time) bool {
	if !p.Take(b.Epoch, Claim{b.Seq, b.At}.HeldBack(now)) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = now
	return true
}

// Told reports whether beats come and nothing of what they speak is missing, so that nobody else need be asked.
func (p *Proof) Told(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open.At.IsZero() && now.Sub(p.heard) < silence
}

// Proven is the newest claim that was proven: the views hold everything that was committed before At, and the feed
// went to Seq then, or less far. Zero as long as nothing is.
func (p *Proof) Proven() Claim {
	if c := p.proven.Load(); c != nil {
		return *c
	}
	return Claim{}
}

// prove keeps the later of two proofs: a claim that was long on its way takes nothing back. mu is held.
func (p *Proof) prove(c Claim) {
	if !c.At.Before(p.reached.At) {
		p.reached = c
	}
	if old := p.proven.Load(); old == nil || c.At.After(old.At) {
		p.proven.Store(&c)
	}
}
