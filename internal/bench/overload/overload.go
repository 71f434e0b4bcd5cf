// Package overload drives a crowd at a running viewer node, from half of what it can do to ten times as
// much, and tells what came of it.
//
// It is an open loop: each connection is a client that wants something at random moments, whether or not it was
// answered before. A wish waits for its connection for a quarter of a second, then it is lost; an answer counts that
// came within a second of the wish. So the figures hold what a closed loop hides: those who were never served.
// On loopback each connection has an address of its own, as a crowd has; elsewhere all share the machine's.
//
// Lifecycle: Run owns its connections and ends them. It reads the clock and the network, and writes nothing. The
// generator needs a core that the node does not use, and must not be busy itself, or it measures its own
// queue: Only lets one process enter and another do the rest.
package overload

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Load is a run.
type Load struct {
	Addr  string  // host:port of the viewers' HTTP
	Rooms []int64 // what they read; the live list should hold fifty
	// Capacity is how many requests of the mix the node answers in a second: what the loads are multiples of.
	// Capacity measures a first guess; the peak of Points is the truth.
	Capacity    float64
	Connections int
	Times       []float64     // the loads, in multiples of Capacity
	Warm, Each  time.Duration // what goes before each measurement, and how long it is
	// Only, when not empty, names the classes that this process drives; another one does the others.
	Only []string
}

// Point is one load and what came of it; figures are per second.
type Point struct {
	Times                     float64
	Offered, Goodput, Refused float64
	// Entered is the share of entering viewers who got their room, in [0, 1]; P99 is theirs, from the wish to the answer.
	Entered float64
	P99     time.Duration
	// Good is the goodput of each class, in the order enter, card, list, crawl.
	Good [len(mix)]float64
}

// Reaction is what a step from half the capacity to the last of Times brought about.
type Reaction struct {
	// FirstRefusal is the end of the slot of 50 ms in which the first one came, from the step on; 0: none did.
	FirstRefusal time.Duration
	// Entering is the 99th percentile of entering viewers in each slot after the step, for two seconds.
	Entering []time.Duration
}

const (
	// waits is for how long a wish waits for its connection, patience until it has to have its answer.
	waits    = 250 * time.Millisecond
	patience = time.Second
	slot     = 50 * time.Millisecond
)

// mix is the crowd: how much of the requests each class makes, and how many of the connections it has. Lists
// and pages make the node work harder than the generator, which has one core too.
var mix = [...]struct {
	name         string
	share, conns float64
	request      func(rooms []int64) string
}{
	{"enter", 0.05, 0.30, func(r []int64) string { return "/v1/rooms/" + some(r) + " HTTP/1.1" }},
	{"card", 0.15, 0.20, func(r []int64) string {
		return "/v1/rooms?ids=" + some(r) + "," + some(r) + "," + some(r) + " HTTP/1.1"
	}},
	{"list", 0.30, 0.20, func([]int64) string { return "/v1/live?page_size=50 HTTP/1.1" }},
	{"crawl", 0.50, 0.30, func(r []int64) string {
		if rand.IntN(2) == 0 {
			return "/v1/rooms/" + some(r) + " HTTP/1.1\r\nX-Room-Priority: crawl"
		}
		return "/v1/live?page_size=50 HTTP/1.1\r\nX-Room-Priority: crawl"
	}},
}

func some(rooms []int64) string { return strconv.FormatInt(rooms[rand.IntN(len(rooms))], 10) }

// Run measures one load after the other, and at last the Reaction to a step.
func (o Load) Run(ctx context.Context) (points []Point, r Reaction, err error) {
	c := &crowd{Load: o}
	c.changed.Store(new(make(chan struct{})))
	g, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	g.Go(func() error {
		defer stop()
		for _, times := range o.Times {
			c.ask(times)
			if err := wait(ctx, o.Warm); err != nil {
				return err
			}
			c.forget()
			began := time.Now()
			if err := wait(ctx, o.Each); err != nil {
				return err
			}
			points = append(points, c.point(times, time.Since(began)))
		}
		c.ask(0.5)
		if err := wait(ctx, o.Warm); err != nil {
			return err
		}
		r, err = c.step(ctx, o.Times[len(o.Times)-1])
		return err
	})
	for class := range mix {
		if len(o.Only) > 0 && !slices.Contains(o.Only, mix[class].name) {
			continue
		}
		for range max(int(float64(o.Connections)*mix[class].conns), 1) {
			g.Go(func() error { return c.client(ctx, class) })
		}
	}
	err = g.Wait()
	return points, r, err
}

// Measure is what 64 connections get in a second that ask on at once, over Warm and Each.
func (o Load) Measure(ctx context.Context) (float64, error) {
	o.Connections = 64
	c := &crowd{Load: o}
	c.changed.Store(new(make(chan struct{})))
	c.never.Store(true)
	within, cancel := context.WithTimeout(ctx, o.Warm+o.Each)
	defer cancel()
	g, within := errgroup.WithContext(within)
	for i := range o.Connections {
		draw := float64(i) / float64(o.Connections)
		class := 0
		for ; draw >= mix[class].share && class < len(mix)-1; class++ {
			draw -= mix[class].share
		}
		g.Go(func() error { return c.client(within, class) })
	}
	began := time.Now()
	if err := g.Wait(); err != nil {
		return 0, err
	}
	n := 0.0
	for i := range c.classes {
		n += float64(c.classes[i].good.Load())
	}
	return n / time.Since(began).Seconds(), ctx.Err()
}

// wait waits, or returns the context's end.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// crowd is the clients of a run.
type crowd struct {
	Load
	clients  atomic.Int64
	interval [len(mix)]atomic.Int64 // mean time between two wishes of a client
	never    atomic.Bool            // no time at all: capacity
	changed  atomic.Pointer[chan struct{}]
	classes  [len(mix)]tally
}

// tally is what became of the wishes of a class.
type tally struct {
	wanted              atomic.Int64 // the wishes that came up, and how those ended that did:
	good, refused, lost atomic.Int64
	took                histogram
}

// ask changes the load for everybody at once.
func (c *crowd) ask(times float64) {
	for class, m := range mix {
		perClient := c.Capacity * times * m.share / max(float64(int(float64(c.Connections)*m.conns)), 1)
		c.interval[class].Store(int64(float64(time.Second) / perClient))
	}
	close(*c.changed.Swap(new(make(chan struct{}))))
}

func (c *crowd) forget() {
	for i := range c.classes {
		t := &c.classes[i]
		t.wanted.Store(0)
		t.good.Store(0)
		t.refused.Store(0)
		t.lost.Store(0)
		t.took.forget()
	}
}

func (c *crowd) point(times float64, took time.Duration) Point {
	p := Point{Times: times}
	for i := range c.classes {
		t := &c.classes[i]
		p.Offered += float64(t.wanted.Load()) / took.Seconds()
		p.Refused += float64(t.refused.Load()) / took.Seconds()
		p.Good[i] = float64(t.good.Load()) / took.Seconds()
		p.Goodput += p.Good[i]
	}
	enter := &c.classes[0]
	good := float64(enter.good.Load())
	p.Entered = good / max(good+float64(enter.refused.Load()+enter.lost.Load()), 1)
	p.P99 = enter.took.percentile(0.99)
	return p
}

// step goes to a load at once and watches the first two seconds.
func (c *crowd) step(ctx context.Context, times float64) (r Reaction, err error) {
	c.ask(times)
	began := time.Now()
	refused := func() (n int64) {
		for i := range c.classes {
			n += c.classes[i].refused.Load()
		}
		return n
	}
	c.forget()
	for time.Since(began) < 2*time.Second {
		c.classes[0].took.forget()
		if err := wait(ctx, slot); err != nil {
			return r, err
		}
		if r.FirstRefusal == 0 && refused() > 0 {
			r.FirstRefusal = time.Since(began)
		}
		r.Entering = append(r.Entering, c.classes[0].took.percentile(0.99))
	}
	return r, nil
}

// source is the address of a client of its own, where loopback has one for each.
func (c *crowd) source() net.Addr {
	n := c.clients.Add(1)
	to, err := net.ResolveTCPAddr("tcp", c.Addr)
	if err != nil || !to.IP.IsLoopback() || to.IP.To4() == nil {
		return nil
	}
	return &net.TCPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n))}
}

// String is the point on one line, for people.
func (p Point) String() string {
	return fmt.Sprintf("%.1f×: offered %.0f/s, goodput %.0f/s %.0f, refused %.0f/s, entered %.3f%%, p99 %v", p.Times, p.Offered, p.Goodput, p.Good, p.Refused, 100*p.Entered, p.P99)
}
