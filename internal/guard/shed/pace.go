package shed

import (
	"sync/atomic"
	"time"
)

const (
	// refusalEvery makes 5,000 repeated refusals a second at most. Each is a read and a write of some
	// 10 µs: a twentieth of a core for those who do not listen.
	refusalEvery = 200 * time.Microsecond
	// RetryAfter is what a refusal asks for, and the longest that a connection is not read: ten thousand
	// that do not listen then cost what refusalEvery allows.
	RetryAfter = 2 * time.Second
	// firstHold bounds the first hold; the bound doubles with each. A short one lets those come back
	// quickly who were refused only because the search overshot.
	firstHold = 50 * time.Millisecond
)

// Pace bounds what it costs to refuse those who were told to come back later and asked on at once. The
// zero value is ready. It is for any number of goroutines.
type Pace struct{ next atomic.Int64 } // nanoseconds of the caller's clock

// Record is how a connection took its refusals. It belongs to the goroutine that serves the connection.
type Record struct {
	last    time.Duration
	strikes int
}

// Admitted forgets half: a connection that is let in now and then is not one that is always refused.
func (r *Record) Admitted() { r.strikes /= 2 }

// Refused says for how long to leave a connection unread that is refused now: not at all the first time,
// as its client may do what it is told; then until it is its turn, one after the other. What waits in its
// socket meanwhile costs nothing, and is read in one piece.
func (p *Pace) Refused(r *Record, now time.Duration) time.Duration {
	again := r.strikes > 0 && now-r.last < RetryAfter
	r.last = now
	if !again {
		r.strikes = 1
		return 0
	}
	most := min(firstHold<<min(r.strikes-1, 8), RetryAfter)
	r.strikes++
	for {
		next := p.next.Load()
		turn := min(max(next, int64(now)), int64(now+RetryAfter))
		if p.next.CompareAndSwap(next, turn+int64(refusalEvery)) {
			return min(time.Duration(turn)-now, most)
		}
	}
}
