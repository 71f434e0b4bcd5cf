// Package breaker stops asking a dependency that mostly fails, and finds out by single calls when it is back.
//
// It guarantees that a dependency which fails for at least Ratio of the last Window's calls, Minimum of them
// or more, is asked by one probe per pause only, that everybody else is refused at once, and that one
// probe's success lets all calls pass again. Pauses double up to MaxPause and are jittered, so that a
// hundred nodes do not probe in step.
//
// It is pure: no goroutine, no timer, no I/O; time and chance are parameters, and whoever calls
// decides what a failure is. Safe for concurrent use; a pass through a closed breaker costs a lock held
// for a few nanoseconds and allocates nothing. A caller that never says how its call ended is
// forgotten: its probe is replaced after the pause.
package breaker

import (
	"sync"
	"time"
)

// State is what the breaker does with the next call.
type State uint8

// The closed set of states.
const (
	Closed   State = iota // lets calls pass
	HalfOpen              // a probe is under way, all others are refused
	Open                  // refuses, until the pause is over
)

// Config says when to stop asking. All fields are required.
type Config struct {
	// Window is how far back calls count; it rolls in tenths.
	Window time.Duration
	// Minimum is the number of calls in the window below which nothing is concluded.
	Minimum int
	// Ratio of failures, above 0 to 1, from which on the breaker opens.
	Ratio float64
	// Pause is the wait before the first probe, doubled by each probe that fails up to MaxPause.
	// A real pause is 0.5 to 1.5 times that.
	Pause, MaxPause time.Duration
	Now             func() time.Time
	// Jitter draws from [0,1).
	Jitter func() float64
}

const slots = 10

type slot struct{ calls, failures int }

// Breaker stands in front of one dependency.
type Breaker struct {
	c Config

	mu     sync.Mutex
	ring   [slots]slot
	at     int64 // which tenth the newest slot is, counted from the zero time
	state  State
	era    uint32 // counts changes of state: a call of an earlier era says nothing about this one
	pause  time.Duration
	resume time.Time // when the next probe may go
}

// New makes a closed breaker.
func New(c Config) *Breaker { return &Breaker{c: c, pause: c.Pause} }

// Ticket is the right to make one call. Whoever got it says by Done or Abandon how it ended.
type Ticket struct{ era uint32 }

// Allow asks for a call. False: the dependency is not to be asked now.
func (b *Breaker) Allow() (Ticket, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != Closed {
		now := b.c.Now()
		if now.Before(b.resume) {
			return Ticket{}, false
		}
		b.become(HalfOpen)
		b.resume = now.Add(b.jittered()) // when nobody hears of this probe, another may go then
	}
	return Ticket{b.era}, true
}

// Done says how a call ended. Calls of before the last change of state are ignored: what hung
// when the breaker opened is no news once it closed again.
func (b *Breaker) Done(t Ticket, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.era != b.era {
		return
	}
	switch {
	case b.state == Closed:
		b.count(ok)
	case ok:
		b.become(Closed)
		b.ring, b.pause = [slots]slot{}, b.c.Pause
	default:
		b.pause = min(2*b.pause, b.c.MaxPause)
		b.open()
	}
}

// Abandon says that the call ended without telling anything about the dependency, as when its
// caller went away. After a probe the next call is one.
func (b *Breaker) Abandon(t Ticket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.era == b.era && b.state == HalfOpen {
		b.become(Open)
		b.resume = b.c.Now()
	}
}

// State is what the breaker does now.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// count takes in a call of a closed breaker. mu is held.
func (b *Breaker) count(ok bool) {
	// A tenth of the window is one slot; those that were skipped are empty.
	at := b.c.Now().UnixNano() / max(int64(b.c.Window)/slots, 1)
	for skipped := min(at-b.at, slots); skipped > 0; skipped-- {
		b.ring[(at-skipped+1)%slots] = slot{}
	}
	b.at = max(at, b.at)
	s := &b.ring[b.at%slots]
	s.calls++
	if ok {
		return
	}
	s.failures++
	var all slot
	for _, s := range b.ring {
		all.calls += s.calls
		all.failures += s.failures
	}
	if all.calls >= b.c.Minimum && float64(all.failures) >= b.c.Ratio*float64(all.calls) {
		b.open()
	}
}

func (b *Breaker) open() {
	b.become(Open)
	b.resume = b.c.Now().Add(b.jittered())
}

func (b *Breaker) become(s State) {
	b.state = s
	b.era++
}

// jittered is 0.5 to 1.5 times the pause.
func (b *Breaker) jittered() time.Duration {
	return b.pause/2 + time.Duration(b.c.Jitter()*float64(b.pause))
}
