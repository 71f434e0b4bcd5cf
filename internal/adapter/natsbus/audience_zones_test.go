package natsbus_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// linkedAudience is a node whose ear the other zone's servers know of.
type linkedAudience struct {
	flushed
	t     *testing.T
	zones []*nats.Conn
}

func (l linkedAudience) Listen(hear func(*audience.Page)) (func(), error) {
	stop, err := l.flushed.Listen(hear)
	if err != nil {
		return nil, err
	}
	crossed(l.t, l.conn, l.zones)
	return stop, nil
}

// watcher is a viewer node of a zone, and the pages that it has heard.
type watcher struct {
	flushed
	pages chan audience.NodeID
}

func watchFrom(t *testing.T, conn *nats.Conn) watcher {
	t.Helper()
	w := watcher{flushed{natsbus.NewAudience(conn, quiet(t)), conn}, make(chan audience.NodeID, 1024)}
	stop, err := w.Listen(func(p *audience.Page) { w.pages <- p.Node })
	must(t, err)
	t.Cleanup(stop)
	return w
}

func (w watcher) hears(t *testing.T, want audience.NodeID) {
	t.Helper()
	select {
	case got := <-w.pages:
		if got != want {
			t.Fatalf("heard page %d, want %d", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("waited in vain for page %d", want)
	}
}

// audiencesAreCutApart checks that zones go on by themselves while the link is cut, that nobody waits for it, and that they
// hear each other again when it is healed. What was told meanwhile is not kept for later: it would be false by then.
func audiencesAreCutApart(t *testing.T, f *fleet) {
	zones := []*nats.Conn{f.atHome(t), f.atB(t)}
	a, b, neighbour := watchFrom(t, zones[0]), watchFrom(t, zones[1]), watchFrom(t, zones[1])
	crossed(t, zones[0], zones)
	crossed(t, zones[1], zones)
	tell := func(from watcher, page audience.NodeID) { must(t, from.Tell(&audience.Page{Node: page})) }
	tell(b, 1)
	a.hears(t, 1)
	neighbour.hears(t, 1)

	f.link.cut()
	eventually(t, "the end of zone b's link", func(ctx context.Context) bool { return f.b.Linked(ctx) != nil })
	tell(b, 2)
	neighbour.hears(t, 2)
	tell(a, 3)

	f.heal(t)
	a.hearsAgain(t, b, 4) // and not 2 before
	b.hearsAgain(t, a, 5) // and not 3 before
}

// hearsAgain lets the other tell a page until it is heard: a link that is there may not know yet who listens behind it.
func (w watcher) hearsAgain(t *testing.T, from watcher, page audience.NodeID) {
	t.Helper()
	eventually(t, "the other zone", func(context.Context) bool {
		must(t, from.Tell(&audience.Page{Node: page}))
		select {
		case got := <-w.pages:
			if got != page {
				t.Fatalf("heard page %d, want %d", got, page)
			}
			return true
		case <-time.After(answerSoon):
			return false
		}
	})
}
