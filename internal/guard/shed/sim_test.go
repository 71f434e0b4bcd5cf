package shed_test

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/greenroomlive/greenroom/internal/guard/shed"
)

// node is a server of one core under a simulated clock: one queue, in which connections stand with one
// request each, as in the kernel's list of ready sockets. Reading is paid for refused requests too.
type node struct {
	shedder *shed.Shedder
	pace    shed.Pace
	rand    *rand.Rand
	now     time.Time
	began   time.Time
	queue   []*client
	asleep  sleepers
	canary  *client
	looked  time.Duration // how long it is out when the sampler looks again
	served  [shed.Classes]int
	refused [shed.Classes]int
	levels  []float64 // at the end of each window's length
}

type client struct {
	class  shed.Class
	think  time.Duration // between an answer and the next request
	wakes  time.Time
	asked  time.Time
	record shed.Record
}

// What a request costs: reading and writing, and the answer itself. A list is heavier.
const socket = 8500 * time.Nanosecond

var answer = [shed.Classes]time.Duration{1500, 3000, 25000, 25000}

const sampleEvery = 5 * time.Millisecond

func newNode(target time.Duration) *node {
	start := time.Unix(1_800_000_000, 0)
	n := &node{shedder: shed.New(target), rand: rand.New(rand.NewPCG(1, 2)), now: start, began: start, canary: &client{wakes: start}, looked: sampleEvery}
	heap.Push(&n.asleep, n.canary)
	return n
}

// crowd adds clients of a class that together ask perSecond when they are answered at once.
func (n *node) crowd(class shed.Class, clients int, perSecond float64) {
	think := time.Duration(float64(clients) / perSecond * float64(time.Second))
	for range clients {
		heap.Push(&n.asleep, &client{class: class, think: think, wakes: n.now.Add(time.Duration(n.rand.ExpFloat64() * float64(think)))})
	}
}

// run lets the time pass.
func (n *node) run(d time.Duration) {
	window := n.now
	for end := n.now.Add(d); n.now.Before(end); {
		for len(n.asleep) > 0 && !n.asleep[0].wakes.After(n.now) {
			c := heap.Pop(&n.asleep).(*client)
			c.asked = c.wakes
			n.queue = append(n.queue, c)
		}
		if n.now.Sub(window) >= shed.Window {
			window = n.now
			n.levels = append(n.levels, n.shedder.Level())
		}
		if out := n.now.Sub(n.canary.wakes); out >= n.looked {
			n.looked += sampleEvery
			n.shedder.Waiting(n.now, out)
		}
		if len(n.queue) == 0 {
			n.now = n.asleep[0].wakes
			continue
		}
		c := n.queue[0]
		n.queue = n.queue[1:]
		n.serve(c)
		heap.Push(&n.asleep, c)
	}
}

func (n *node) serve(c *client) {
	if c == n.canary {
		n.shedder.Observe(n.now, n.now.Sub(c.asked))
		c.wakes, n.looked = n.now.Add(sampleEvery), sampleEvery
		return
	}
	n.now = n.now.Add(socket)
	c.wakes = n.now.Add(time.Duration(n.rand.ExpFloat64() * float64(c.think)))
	if n.shedder.Admit(c.class, n.rand.Uint32()) {
		c.record.Admitted()
		n.now = n.now.Add(answer[c.class])
		n.served[c.class]++
		return
	}
	n.refused[c.class]++
	c.wakes = c.wakes.Add(n.pace.Refused(&c.record, n.now.Sub(n.began)))
}

// forget begins a new count.
func (n *node) forget() {
	n.served, n.refused, n.levels = [shed.Classes]int{}, [shed.Classes]int{}, nil
}

// worth is the work that was answered, not refused.
func (n *node) worth() (d time.Duration) {
	for c, served := range n.served {
		d += time.Duration(served) * (socket + answer[c])
	}
	return d
}

// sleepers is a heap by waking.
type sleepers []*client

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, j int) bool { return s[i].wakes.Before(s[j].wakes) }
func (s sleepers) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *sleepers) Push(x any)        { *s = append(*s, x.(*client)) }
func (s *sleepers) Pop() any {
	old := *s
	last := old[len(old)-1]
	*s = old[:len(old)-1]
	return last
}
