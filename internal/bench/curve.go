package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"time"

	"github.com/greenroomlive/greenroom/internal/bench/overload"
)

// overloadOrder is a crowd; Measure asks for what the node can carry.
type overloadOrder struct {
	overload.Load
	Measure bool
}

type overloadReport struct {
	Capacity float64
	Points   []overload.Point
	Reaction overload.Reaction
}

func (o overloadOrder) run(ctx context.Context) (r overloadReport, err error) {
	if o.Measure {
		r.Capacity, err = o.capacity(ctx)
		return r, err
	}
	r.Points, r.Reaction, err = o.Load.Run(ctx)
	return r, err
}

// capacity is the highest goodput at rising loads. What connections get that ask on at once is only a first guess: those
// that want little come round more often than in the crowd.
func (o overloadOrder) capacity(ctx context.Context) (float64, error) {
	guess, err := o.Load.Measure(ctx)
	if err != nil {
		return 0, err
	}
	o.Capacity, o.Times, o.Warm, o.Each = guess, []float64{0.25, 0.5, 0.75, 1}, o.Warm/2, o.Each/2
	points, _, err := o.Load.Run(ctx)
	return peak(points), err
}

// loadTimes are the loads, in multiples of what the node can do.
var loadTimes = []float64{0.5, 1, 1.5, 2, 3, 5, 10}

const (
	// crowdSize is the clients; each has an address of its own.
	crowdSize = 5000
	// reactWithin is how long after a step of the load a node may take to refuse the first; settledAt is a delay that viewers
	// do not notice.
	reactWithin = 200 * time.Millisecond
	settledAt   = 100 * time.Millisecond
	slot        = 50 * time.Millisecond // as package overload reports a reaction
)

// overload drives a crowd at a node as shipped, and at one that serves everybody.
func (r *run) overload(ctx context.Context) (out section, err error) {
	open, err := r.flood(ctx, "open", 0, "--queue-delay", "0s")
	if err != nil {
		return out, err
	}
	shipped, err := r.flood(ctx, "overload", open.Capacity)
	if err != nil {
		return out, err
	}
	out.rows = overloadRows(shipped, open)
	out.how = []string{fmt.Sprintf("Server on core 0, %s clients with addresses of their own on core 1, in an open loop: each wants something at random moments, whether or\n"+
		"not it was answered, and what it did not get within a second of wanting it does not count. 5 %% of the requests enter a room, 15 %% ask for\n"+
		"three cards, 30 %% for the first page of the list, half are crawlers that say so. 1× is the highest goodput of the node\n"+
		"that refuses nobody (`--queue-delay 0s`), which is also the comparison. Goodput counts answers, and what is left over at high loads is\n"+
		"cheaper than lists. The generator has one core: what it is late by is in the figures.", thousands(crowdSize)),
		"The reaction is until the first refusal after a step from 0.5× to 10×. Entering viewers are served again after the last slot of 50 ms in which\n" +
			"the 99th percentile of their waits was above 100 ms."}
	if r.SVG != "" {
		if err := writeFile(r.SVG, func(w io.Writer) error { return drawOverload(w, shipped.Points, open.Points) }); err != nil {
			return out, err
		}
		out.picture = r.SVG
		if at, err := filepath.Rel(filepath.Dir(r.Out), r.SVG); err == nil && r.Out != "" {
			out.picture = filepath.ToSlash(at)
		}
	}
	return out, nil
}

// flood measures one node; its capacity, too, when that is not known.
func (r *run) flood(ctx context.Context, dir string, capacity float64, flags ...string) (report overloadReport, err error) {
	s, err := r.serve(ctx, dir, allOnAir(leastRooms), usual, flags...)
	if err != nil {
		return report, err
	}
	defer s.Stop()
	if err := onlyOnCore0(ctx, s.Pid()); err != nil {
		return report, err
	}
	o := overloadOrder{Measure: true, Load: overload.Load{
		Addr: s.queryAddr(), Rooms: s.rooms, Connections: crowdSize, Times: loadTimes, Warm: r.l.overload * 2 / 3, Each: r.l.overload,
	}}
	if report.Capacity = capacity; capacity == 0 {
		if err := r.load(ctx, "overload", 1, o, &report); err != nil {
			return report, err
		}
		if report.Capacity <= 0 {
			return report, errors.New("the node answered nothing")
		}
	}
	o.Measure, o.Capacity = false, report.Capacity
	if err := r.load(ctx, "overload", 1, o, &report); err != nil {
		return report, err
	}
	report.Capacity = o.Capacity
	return report, nil
}

// peak is the highest goodput.
func peak(points []overload.Point) (most float64) {
	for _, p := range points {
		most = max(most, p.Goodput)
	}
	return most
}

// settled is when entering viewers stopped noticing a step.
func settled(r overload.Reaction) time.Duration {
	for i := len(r.Entering) - 1; i >= 0; i-- {
		if r.Entering[i] > settledAt {
			return time.Duration(i+1) * slot
		}
	}
	return 0
}

func overloadRows(shipped, open overloadReport) []row {
	ours, theirs := shipped.Points[len(shipped.Points)-1], open.Points[len(open.Points)-1]
	kept, others := ours.Goodput/peak(shipped.Points), theirs.Goodput/peak(open.Points)
	entered := 100 * ours.Entered
	return []row{
		figure(fmt.Sprintf("goodput at 10×, %s/s offered, of its peak", digits(ours.Offered)), fmt.Sprintf("%.0f %%: %s of %s/s", 100*kept, digits(ours.Goodput), digits(peak(shipped.Points))),
			fmt.Sprintf("without admission: %.0f %%", 100*others), 100*kept, atLeastOf(90, "%")),
		figure("viewers who enter at 10×", fmt.Sprintf("%.3f %%", entered), fmt.Sprintf("without admission: %.3f %%", 100*theirs.Entered), entered, atLeastOf(99.9, "%")),
		reacting(shipped.Reaction),
		{what: "entering viewers served again after a step to 10×", ours: digits(millis(settled(shipped.Reaction))) + " ms", beside: "without admission: " + digits(millis(settled(open.Reaction))) + " ms"},
		{what: "entering at 10×, p99", ours: digits(millis(ours.P99)) + " ms", beside: "without admission: " + digits(millis(theirs.P99)) + " ms"},
		{what: "1×", ours: digits(open.Capacity) + " /s"},
	}
}

// reacting is the time until the first refusal; that none came is no quick reaction.
func reacting(r overload.Reaction) row {
	const what = "reaction to a step to 10×"
	aim := atMostOf(millis(reactWithin), "ms")
	if r.FirstRefusal == 0 {
		return figure(what, "none within 2 s", "", math.Inf(1), aim)
	}
	return figure(what, digits(millis(r.FirstRefusal))+" ms", "", millis(r.FirstRefusal), aim)
}
