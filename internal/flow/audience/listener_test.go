package audience_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// listen adds a process without viewers to the fleet.
func (f *fleet) listen() (l *audience.Listener, kill func()) {
	l = audience.NewListener(f.pages.Node(), time.Now)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := l.Run(ctx); err != nil {
			f.t.Error(err)
		}
	})
	return l, func() { cancel(); running.Wait() }
}

// hears compares what a listener knows of room 7; -1 is that it does not.
func hears(t *testing.T, l *audience.Listener, session ident.SessionID, want int64) {
	t.Helper()
	got, asOf, known := l.Online(7, session)
	if !known {
		got = -1
	} else if age := time.Since(asOf); age < 0 || age > 2*time.Second {
		t.Errorf("what it knows is %v old", age)
	}
	if got != want {
		t.Errorf("it hears of %d viewers, want %d", got, want)
	}
}

func TestAListenerKnowsWhoWatches(t *testing.T) {
	bubble(t, 2, func(t *testing.T, f *fleet) {
		l, kill := f.listen()
		defer kill()
		hears(t, l, 70, -1) // nobody has spoken
		for i, n := range f.nodes {
			for v := range i + 2 {
				n.beat(t, 7, fmt.Sprint(i, v))
			}
		}
		pass(3 * time.Second)
		hears(t, l, 70, 5)
		hears(t, l, 71, 0) // the next broadcast begins with nobody

		f.nodes[0].kill()
		pass(10 * time.Second)
		hears(t, l, 70, 3)
		f.nodes[1].kill()
		pass(10 * time.Second)
		hears(t, l, 70, -1)
	})
}

func TestAListenerThatComesLateIsToldAll(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		f.nodes[0].beat(t, 7, "ann")
		pass(3 * time.Second)
		l, kill := f.listen()
		defer kill()
		other, killOther := f.listen()
		defer killOther()
		pass(2 * time.Second) // it has heard the node, and not yet of ann
		hears(t, l, 70, -1)
		pass(10 * time.Second)
		hears(t, l, 70, 1)
		hears(t, other, 70, 1)
	})
}

func TestListenersAreNoNodes(t *testing.T) {
	bubble(t, 0, func(t *testing.T, f *fleet) {
		a, killA := f.listen()
		defer killA()
		_, killB := f.listen()
		defer killB()
		pass(20 * time.Second)
		hears(t, a, 70, -1)
	})
}

func TestAListenerForgetsWhatIsOver(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		l, kill := f.listen()
		defer kill()
		f.nodes[0].beat(t, 7, "ann")
		pass(3 * time.Second)
		if n := l.Words(); n != 1 {
			t.Errorf("it keeps %d words of one room", n)
		}
		f.air.set(7, 71)
		pass(4 * time.Minute)
		if n := l.Words(); n != 0 {
			t.Errorf("it keeps %d words of rooms that nobody speaks of", n)
		}
		hears(t, l, 71, 0)
	})
}
