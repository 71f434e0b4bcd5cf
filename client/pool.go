package greenroom

import (
	mathrand "math/rand/v2"
	"net/url"
	"sync"
	"time"
)

const (
	// firstPause is how long a node that failed is left alone, doubled up to lastPause while it fails again. A real
	// pause is 0.5 to 1.5 times that, so that clients do not come back in step.
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
	// maxStrikes is how many answers in a row may be bad or late before a node counts as failed: one in twenty is
	// late on a node that is well.
	maxStrikes = 3
	// restLeast is for a node that sheds load and does not say how long.
	restLeast = time.Second
	// lookEvery is how often a node is asked whether it is ready: it bounds how long readers stay with one that drains.
	lookEvery = 500 * time.Millisecond
)

// pool is the nodes of one side and what their answers tell of their health. It never runs dry: when all are
// out, all are asked.
type pool struct {
	nodes []*node // never changed

	mu   sync.Mutex
	turn int
}

type node struct {
	url      string
	base     *url.URL
	baseErr  error
	zone     string
	nearness int // 0 is the nearest zone
	at, of   int // its place among the nodes of its zone

	// What follows is guarded by the pool's mu.

	strikes int
	pause   time.Duration // before the trial that is next or under way; 0 when the node is well
	out     time.Time     // not to be asked before this, if there is anybody else
	trial   bool          // one call finds out whether it is back
	leaving bool          // /readyz says no; it still answers
	looked  time.Time
}

// health is how fit a node is to be asked; less is better.
type health int

const (
	well health = iota
	leaving
	out
)

// next picks whom to ask of those not in tried: the fittest, of these the nearest, of these by turns. -1 when all
// were tried. A node that comes back from a pause is tried by one call; the others pass it by until it has answered.
func (p *pool) next(tried uint64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.turn++
	best, bestRank := -1, 0
	for i, n := range p.nodes {
		if tried&(1<<i) != 0 {
			continue
		}
		turn := (n.at + n.of - p.turn%n.of) % n.of
		if rank := int(n.health(now))<<16 | n.nearness<<8 | turn; best < 0 || rank < bestRank {
			best, bestRank = i, rank
		}
	}
	if best < 0 {
		return -1
	}
	n := p.nodes[best]
	if n.pause > 0 && !now.Before(n.out) {
		n.trial, n.out = true, now.Add(jittered(n.pause)) // until then this trial is the only one
	}
	return best
}

func (n *node) health(now time.Time) health {
	switch {
	case now.Before(n.out):
		return out
	case n.leaving:
		return leaving
	}
	return well
}

// answered takes in that a node has answered as it should.
func (p *pool) answered(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.nodes[i]
	n.strikes, n.trial, n.pause, n.out = 0, false, 0, time.Time{}
}

// failed leaves a node alone for a while, at least for as long as its failure took: a call that hangs is not to
// be risked all the time.
func (p *pool) failed(i int, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes[i].fail(took)
}

// fail is failed, with mu held. Only the trial of a node that is out tells something new: a hundred calls that
// were under way when it failed are one failure.
func (n *node) fail(took time.Duration) {
	now := time.Now()
	if n.pause > 0 && !n.trial && now.Before(n.out) {
		return
	}
	n.strikes, n.trial = 0, false
	n.pause = min(max(2*n.pause, firstPause, took), lastPause)
	n.out = now.Add(jittered(n.pause))
}

// strike counts an answer that was bad or late.
func (p *pool) strike(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.nodes[i]
	if n.strikes++; n.strikes >= maxStrikes {
		n.fail(0)
	}
}

// rest leaves a node alone for as long as it asked for. That is no failure: it comes back without a trial.
func (p *pool) rest(i int, wish time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wish == 0 {
		wish = restLeast
	}
	p.nodes[i].out = time.Now().Add(wish)
}

// is reports a node's health now.
func (p *pool) is(i int) health {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nodes[i].health(time.Now())
}

// due says which node is to be asked whether it is ready: the one that is being read from, or one that was leaving
// and may have come back. -1 for none. Who is told so does it.
func (p *pool) due(reading int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for i, n := range p.nodes {
		if (i == reading || n.leaving) && now.Sub(n.looked) >= lookEvery {
			n.looked = now
			return i
		}
	}
	return -1
}

// ready takes in what /readyz said.
func (p *pool) ready(i int, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes[i].leaving = !yes
}

// left reports whether a node that is well has not been tried yet.
func (p *pool) left(tried uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for i, n := range p.nodes {
		if tried&(1<<i) == 0 && n.health(now) == well {
			return true
		}
	}
	return false
}

func jittered(pause time.Duration) time.Duration { return pause/2 + mathrand.N(pause) }
