package natsbus_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// What happens to a cluster under traffic: events are committed all the while, a relay publishes them, zones a and b
// consume. Whatever is done to the brokers, in the end each zone was given every event, and no room's events in
// another order than theirs.
func TestNothingIsLostWhateverHappensToTheBrokers(t *testing.T) {
	for _, c := range []struct {
		what string
		do   func(t *testing.T, f *fleet, tr *traffic)
	}{
		{"the stream's leader is frozen and wakes up", func(t *testing.T, f *fleet, tr *traffic) {
			frozen := f.leader(t, tr.conn)
			frozen.Pause()
			tr.flows(t, tr.a)
			frozen.Resume()
		}},
		{"the stream's leader is killed, then one more, and both come back", func(t *testing.T, f *fleet, tr *traffic) {
			f.leader(t, tr.conn).Kill()
			tr.flows(t, tr.a)
			f.leader(t, tr.conn).Kill()
			tr.commits(t, 100) // which nobody can publish
			must(t, f.home.Start(t.Context()))
		}},
		{"zone b is cut off, and all disks are lost meanwhile", func(t *testing.T, f *fleet, tr *traffic) {
			f.link.cut()
			tr.flows(t, tr.a) // whatever b does
			f.home.Kill()
			wipe(t, f.home.Nodes...)
			must(t, f.home.Start(t.Context()))
			tr.flows(t, tr.a)
			f.link.heal()
		}},
		{"zone b's server loses its disk", func(t *testing.T, f *fleet, _ *traffic) {
			f.b.Kill()
			wipe(t, f.b)
			must(t, f.b.Start(t.Context()))
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			f := startFleet(t)
			tr := startTraffic(t, f)
			tr.flows(t, tr.a, tr.b)
			c.do(t, f, tr)
			tr.flows(t, tr.a, tr.b)
			tr.stop()
			tr.arrived(t, "a", tr.a)
			tr.arrived(t, "b", tr.b)
		})
	}
}

func wipe(t *testing.T, nodes ...*stage.NATS) {
	t.Helper()
	for _, n := range nodes {
		must(t, n.Wipe())
	}
}

// traffic is a log that grows, the relay that publishes it, and who consumes it.
type traffic struct {
	log  *growing
	conn *nats.Conn
	a, b *collector
	stop func()
}

// tempo is one event; some hundred a second keep every part busy, and the machine idle.
const tempo = 5 * time.Millisecond

func startTraffic(t *testing.T, f *fleet) *traffic {
	t.Helper()
	tr := &traffic{log: &growing{all: bustest.Events(50_000, 1, 2, 3, 4, 5)}, conn: f.atHome(t)}
	bus := f.bus(t, tr.conn, nil)
	r := relay.New(relay.Config{Log: tr.log, Bus: bus, Logger: slog.New(slog.DiscardHandler)})
	tr.a, _ = consumeInto(t, bus)
	tr.b, _ = consumeInto(t, f.mirror(t, f.atB(t), nil))
	ctx, cancel := context.WithCancel(context.Background())
	committing, commit := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Errorf("the relay ended with %v", err)
		}
	})
	all.Go(func() {
		tick := time.NewTicker(tempo)
		defer tick.Stop()
		for {
			select {
			case <-committing.Done():
				return
			case <-tick.C:
				tr.log.commit()
				r.Committed()
			}
		}
	})
	tr.stop = commit
	t.Cleanup(func() { cancel(); all.Wait() })
	return tr
}

// commits waits until so many more events are committed.
func (tr *traffic) commits(t *testing.T, n int) {
	t.Helper()
	until := tr.log.end() + ident.FeedSeq(n)
	eventually(t, "commits", func(context.Context) bool { return tr.log.end() >= until })
}

// flows waits until each has been given an event that is committed from now on.
func (tr *traffic) flows(t *testing.T, zones ...*collector) {
	t.Helper()
	from := tr.log.end()
	for _, zone := range zones {
		eventually(t, "an event committed just now", func(context.Context) bool { return zone.newest() > from })
	}
}

// arrived waits until the zone has all events, and looks at their order.
func (tr *traffic) arrived(t *testing.T, zone string, c *collector) {
	t.Helper()
	end := tr.log.end()
	eventually(t, "all events", func(context.Context) bool { return c.newest() >= end })
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := make([]bool, end+1)
	versions := map[ident.RoomID]ident.Version{}
	for _, d := range c.got {
		if d.Unreadable != nil {
			t.Fatalf("zone %s: an event that cannot be read: %v", zone, d.Unreadable)
		}
		if d.Event.FeedSeq > end {
			continue // committed while the commits were being stopped
		}
		seen[d.Event.FeedSeq] = true
		// What is repeated was seen before; what is new is the next.
		if v := versions[d.Room]; d.Event.Version > v+1 {
			t.Errorf("zone %s, room %s: version %d follows %d", zone, d.Room, d.Event.Version, v)
		}
		versions[d.Room] = max(versions[d.Room], d.Event.Version)
	}
	if i := slices.Index(seen[1:], false); i >= 0 {
		t.Errorf("zone %s was never given the event at %d of %d", zone, i+1, end)
	}
	t.Logf("zone %s: %d events, %d deliveries", zone, end, len(c.got))
}

func (c *collector) newest() (at ident.FeedSeq) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; c.looked < len(c.got); c.looked++ {
		c.highest = max(c.highest, c.got[c.looked].Event.FeedSeq)
	}
	return c.highest
}

// growing is relay.Log over events that are committed one by one.
type growing struct {
	all []event.RoomEvent

	mu                   sync.Mutex
	committed, sequenced int
}

var _ relay.Log = (*growing)(nil)

func (g *growing) commit() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.committed = min(g.committed+1, len(g.all))
}

func (g *growing) end() ident.FeedSeq {
	g.mu.Lock()
	defer g.mu.Unlock()
	return ident.FeedSeq(g.committed)
}

// Sequence is relay.Log.
func (g *growing) Sequence(_ context.Context, limit int) ([]event.RoomEvent, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	from := g.sequenced
	g.sequenced = min(g.committed, from+limit)
	return slices.Clone(g.all[from:g.sequenced]), nil
}

// After is relay.Log.
func (g *growing) After(_ context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.all[min(int(after), g.sequenced):min(int(after)+limit, g.sequenced)]), nil
}

// End is relay.Log.
func (g *growing) End(context.Context) (ident.FeedSeq, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return ident.FeedSeq(g.sequenced), nil
}

// Subscribe is relay.Log; nobody here needs to hear of commits.
func (g *growing) Subscribe(func([]event.RoomEvent)) {}
