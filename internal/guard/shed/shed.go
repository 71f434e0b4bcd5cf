package shed

import (
	"math"
	"sync/atomic"
	"time"
)

// Class is how urgent a request is; lower numbers are refused later.
type Class uint8

// The classes, the most urgent first.
const (
	// Enter is a viewer who opens a room: what all the rest is there for.
	Enter Class = iota
	// Card is a room read for another reason: a batch, an anchor's rooms, a refresh.
	Card
	// List is a viewer who looks around.
	List
	// Crawl is a machine that wants everything.
	Crawl
	// Classes is how many there are.
	Classes
)

var names = [Classes]string{"enter", "card", "list", "crawl"}

func (c Class) String() string { return names[c] }

// ParseClass finds a class by its name.
func ParseClass(name []byte) (Class, bool) {
	for c, n := range names {
		if string(name) == n {
			return Class(c), true
		}
	}
	return 0, false
}

// Window is how long the shortest delay is looked for before a decision. A round of garbage collection or
// a neighbour's turn on the core is shorter; ten windows fit into the 200 ms in which a node must react.
const Window = 20 * time.Millisecond

// The step of the search. It doubles while the delay stays on one side of the target, which finds the
// level of a tenfold load within five windows, and is halved when the delay crosses, which settles. Down
// is slower than up: a level that is too low fills the queue, one that is too high wastes a little.
const (
	firstStep = 0.20
	leastStep = 0.01
	mostUp    = 0.80
	mostDown  = 0.10
	// far is how many targets beyond the target the longest stride up is for. A node that is a little late has a
	// little too much to do, and a queue that is long takes time to go: striding on meanwhile would overshoot.
	far = 2
	// beforeEnter is how many windows all others are refused before Enter is: as many as react in time.
	beforeEnter = 10
)

// Shedder holds the share of each class that is refused.
type Shedder struct {
	target time.Duration
	// odds are of 2^32, one for each class; refusing says whether any is above zero, so that a calm node
	// looks at one word only.
	odds     [Classes]atomic.Uint32
	refusing atomic.Bool

	// What follows belongs to the sampler; the last two are copies for whoever asks.
	ends     time.Time     // of this window
	shortest time.Duration // delay of this window
	before   time.Duration // the shortest of the window before
	level    float64       // how many classes are refused, from the lowest up: 1.5 is crawl and half of list
	waited   int           // windows at the last level before Enter
	step     float64       // signed by the direction of the last move

	shownLevel atomic.Uint64
	shownDelay atomic.Int64
}

// New makes a shedder that keeps the queue's delay at target.
func New(target time.Duration) *Shedder {
	return &Shedder{target: target, shortest: math.MaxInt64, step: -leastStep}
}

// Refusing says whether any class is refused at all. It is the whole cost of a calm node.
func (s *Shedder) Refusing() bool { return s.refusing.Load() }

// Admit decides about one request. draw is a random number of the caller's.
func (s *Shedder) Admit(c Class, draw uint32) bool {
	odds := s.odds[c].Load()
	return odds == 0 || odds != math.MaxUint32 && draw >= odds
}

// Observe takes one measured delay. Each Window it moves the level by the shortest of them.
func (s *Shedder) Observe(now time.Time, delay time.Duration) {
	s.shortest = min(s.shortest, delay)
	if s.ends.IsZero() {
		s.ends = now.Add(Window)
	}
	if !now.Before(s.ends) {
		s.close(now, s.shortest)
	}
}

// Waiting tells of a request that has waited for so long and is not read yet: who learns only from those
// that were read learns of a clogged queue last. Its delay will be longer, so that a short wait says nothing:
// the window goes on until the wait is over or too long.
func (s *Shedder) Waiting(now time.Time, already time.Duration) {
	switch {
	case now.Before(s.ends):
	case s.shortest != math.MaxInt64:
		s.close(now, s.shortest)
	case already > s.target:
		s.close(now, already)
	}
}

// close ends a window and begins the next.
func (s *Shedder) close(now time.Time, delay time.Duration) {
	s.move(delay)
	s.shownDelay.Store(int64(delay))
	s.before, s.shortest, s.ends = delay, math.MaxInt64, now.Add(Window)
}

// move does one step of the search. A delay on its way to the target already is left alone: the queue
// holds what was admitted before the last step, and stepping on would overshoot by all of it.
func (s *Shedder) move(delay time.Duration) {
	coming := s.before - s.before/8 // an eighth better is on its way
	switch {
	case delay > s.target && delay >= coming:
		s.stride(1, mostUp*min(float64(delay-s.target)/float64(far*s.target), 1))
	case delay <= s.target && (delay <= s.before || delay < s.target/2):
		s.stride(-1, mostDown)
	default:
		return
	}
	s.level = s.reach(s.level + s.step)
	if s.level == 0 {
		s.step = -leastStep // the next overload begins with a first step, not with the stride of the calm
	}
	s.share()
}

// reach bounds the level. Enter is not run into by a stride: only when all below it has been refused for
// a while, and the queue stands all the same, it is entering viewers who are too many.
func (s *Shedder) reach(level float64) float64 {
	const last = float64(Classes - 1)
	if level < last {
		s.waited = 0
		return max(level, 0)
	}
	if s.waited++; s.waited <= beforeEnter {
		return last
	}
	return min(level, s.level+leastStep*5, float64(Classes))
}

// stride sets the step: longer in the same direction, shorter after a turn.
func (s *Shedder) stride(direction, most float64) {
	size := math.Abs(s.step)
	switch {
	case s.level == 0 && direction > 0:
		size = firstStep
	case s.step*direction > 0:
		size *= 2
	default:
		size /= 2
	}
	s.step = direction * min(max(size, leastStep), most)
}

// share spreads the level over the classes, from the lowest up.
func (s *Shedder) share() {
	left := s.level
	for c := int(Classes) - 1; c >= 0; c-- {
		part := min(max(left, 0), 1)
		left--
		s.odds[c].Store(uint32(part * math.MaxUint32))
	}
	s.refusing.Store(s.level > 0)
	s.shownLevel.Store(math.Float64bits(s.level))
}

// Level is how many classes are refused, from the lowest up, with the share of the last one as a
// fraction: 0 is none, 4 is all.
func (s *Shedder) Level() float64 { return math.Float64frombits(s.shownLevel.Load()) }

// Delay is the queue's delay by the last window.
func (s *Shedder) Delay() time.Duration { return time.Duration(s.shownDelay.Load()) }
