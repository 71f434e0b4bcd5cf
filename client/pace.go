package greenroom

import (
	"slices"
	"sync"
	"time"
)

const (
	// hedgeShare is one read in ten: twice as many as are late, and no more than the nodes can bear.
	hedgeShare = 0.1
	// hedgeBurst is how many second questions may come at once after a quiet time: a node that hangs is found out
	// by three.
	hedgeBurst = 10

	// hedgeFirst is the delay before enough was seen; hedgeLeast and hedgeMost bound it after that: the timer of a
	// busy process is not exact below, and beyond nobody would still wait.
	hedgeFirst = 50 * time.Millisecond
	hedgeLeast = 2 * time.Millisecond
	hedgeMost  = time.Second

	window  = 128 // how many of the last reads count
	refresh = 16  // after how many the delay is computed anew
)

// budget is how many reads may be asked a second time, saved up read by read.
type budget struct {
	share float64

	mu    sync.Mutex
	spent float64 // of a full burst
}

// earn counts a read.
func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent = max(b.spent-b.share, 0)
}

// spend takes one second question; false when too many were asked lately.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.share == 0 || b.spent > hedgeBurst-1 {
		return false
	}
	b.spent++
	return true
}

// pace knows how long one kind of read takes.
type pace struct {
	mu    sync.Mutex
	taken [window]time.Duration
	seen  int
	late  time.Duration // nineteen of twenty reads are faster; 0 before enough was seen
}

// delay is how long to wait before a read is late.
func (p *pace) delay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.late == 0 {
		return hedgeFirst
	}
	return p.late
}

// observe takes in how long a read took. Those that were asked twice count too: without them the late ones would
// be missing, and the delay would fall and fall.
func (p *pace) observe(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken[p.seen%window] = took
	p.seen++
	if p.seen%refresh != 0 {
		return
	}
	sorted := p.taken
	known := sorted[:min(p.seen, window)]
	slices.Sort(known)
	p.late = min(max(known[len(known)*19/20], hedgeLeast), hedgeMost)
}
