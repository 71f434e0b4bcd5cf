// Package shed decides which requests a node that is asked too much refuses, so that the others are
// answered in time.
//
// What it looks at is the delay of the queue: how long a request that is ready waits before somebody reads
// it, in microseconds as the Canary measures it. CPU averages react after seconds; the length of the queue
// means nothing without the speed at which it moves. A queue that empties within a window is a burst and
// is let be; one that stands above the target is too much work.
//
// Requests have a class, and classes are refused from the lowest up: some of a class only when all below
// it are refused. Which share that takes is searched for, not computed: the Shedder knows neither what a
// request costs nor what the node can do, it feels for the point where the delay stays at its target.
//
// A refusal on a connection costs nearly what a small answer does: reading it was the work. So who is
// refused and asks on at once is not read for a while, and the Pace bounds how many are.
//
// Admit may be called by any number of goroutines; it does not lock, does not allocate, and costs one
// atomic load while nothing is refused. Observe and Waiting are called by one sampler, one at a time. The clock is a
// parameter. The package measures and decides; it never sees a request and never waits, but for Canary.Run.
package shed
