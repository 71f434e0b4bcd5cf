package audience_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// all compares what every living node counts.
func (f *fleet) all(t *testing.T, want view.Count, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		is(t, n.of(70), want)
	}
}

func TestNodesCountTogether(t *testing.T) {
	bubble(t, 3, func(t *testing.T, f *fleet) {
		for i, n := range f.nodes {
			for v := range i + 1 {
				n.beat(t, 7, fmt.Sprint(i, v))
			}
			if _, err := n.Like(7, []byte("x"), 5); err != nil {
				t.Fatal(err)
			}
		}
		pass(3 * time.Second)
		f.all(t, view.Count{Online: 6, Peak: 6, Unique: 6, Likes: 15}, f.nodes...)
	})
}

func TestWhoMovesCountsOnceAndIsTwiceOnlineForALittle(t *testing.T) {
	bubble(t, 2, func(t *testing.T, f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		a.beat(t, 7, "ann")
		pass(20 * time.Second)
		b.beat(t, 7, "ann")
		pass(3 * time.Second)
		f.all(t, view.Count{Online: 2, Peak: 2, Unique: 1}, a, b)
		pass(17 * time.Second)
		b.beat(t, 7, "ann")
		pass(10 * time.Second) // his 45 s at a are over
		f.all(t, view.Count{Online: 1, Peak: 2, Unique: 1, WatchSeconds: 20}, a, b)
	})
}

func TestWhatADeadNodeToldRemains(t *testing.T) {
	bubble(t, 2, func(t *testing.T, f *fleet) {
		a, b := f.nodes[0], f.nodes[1]
		for range 2 {
			a.beat(t, 7, "ann")
			a.beat(t, 7, "bob")
			pass(20 * time.Second)
		}
		if _, err := a.Like(7, []byte("ann"), 9); err != nil {
			t.Fatal(err)
		}
		pass(6 * time.Second)
		a.kill()
		b.beat(t, 7, "ann") // comes elsewhere
		pass(9 * time.Second)
		f.all(t, view.Count{Online: 1, Peak: 3, Unique: 2, Likes: 9, WatchSeconds: 40}, b)
		c := f.join()
		pass(10 * time.Second) // it is told all by who knows
		f.all(t, view.Count{Online: 1, Peak: 3, Unique: 2, Likes: 9, WatchSeconds: 40}, b, c)
	})
}

// deaf is an exchange on which nothing arrives, and nothing leaves, while cut.
type deaf struct {
	audience.Exchange
	cut atomic.Bool
}

var errCut = errors.New("cut off")

func (d *deaf) Tell(p *audience.Page) error {
	if d.cut.Load() {
		return errCut
	}
	return d.Exchange.Tell(p)
}

func (d *deaf) Listen(hear func(*audience.Page)) (func(), error) {
	return d.Exchange.Listen(func(p *audience.Page) {
		if !d.cut.Load() {
			hear(p)
		}
	})
}

func TestANodeThatWasCutOffCatchesUp(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		a, line := f.nodes[0], &deaf{Exchange: f.pages.Node()}
		b := f.joinWith(audience.Config{Exchange: line})
		pass(3 * time.Second)
		pass(time.Second / 2) // between two turns
		line.cut.Store(true)
		a.beat(t, 7, "ann")
		b.beat(t, 7, "bob")
		pass(8 * time.Second)
		f.all(t, view.Count{Online: 1, Peak: 1, Unique: 1}, a, b) // each counts its own
		line.cut.Store(false)
		pass(31 * time.Second) // all is told once more
		f.all(t, view.Count{Online: 2, Peak: 2, Unique: 2}, a, b)
	})
}

func TestPartsThatComeBeforeTheSessionAreKept(t *testing.T) {
	bubble(t, 2, func(t *testing.T, f *fleet) {
		other := f.pages.Node()
		p := &audience.Page{Node: 99, Parts: []audience.Part{{
			Room: 8, Session: 80, Online: 4, Peak: 5, Totals: []audience.Total{{Node: 99, Likes: 3, WatchMs: 2999}}, Fresh: []uint64{1 << 60, 2 << 60},
		}}}
		if err := other.Tell(p); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		if n := f.nodes[0].times(); n != 0 {
			t.Fatalf("told %d times of a session that is not on air here", n)
		}
		f.air.set(8, 80)
		p.Parts = nil
		if err := other.Tell(p); err != nil { // it lives
			t.Fatal(err)
		}
		pass(2 * time.Second)
		want := view.Count{Room: 8, Session: 80, Online: 4, Peak: 5, Likes: 3, WatchSeconds: 2, Unique: 2}
		is(t, f.nodes[0].of(80), want)
		is(t, f.nodes[1].of(80), want)
	})
}

func TestNoiseChangesNothing(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		n, other := f.nodes[0], f.pages.Node()
		n.beat(t, 7, "ann")
		pass(3 * time.Second)
		for _, sketch := range [][]byte{{}, {2}, {2, 16}, {2, 14, 0, 1, 0, 0, 0, 0}, make([]byte, 1<<16)} {
			part := audience.Part{Room: 7, Session: 70, Online: -5, Sketch: sketch, Totals: []audience.Total{{Node: 98, Likes: -1, WatchMs: -1}}}
			if err := other.Tell(&audience.Page{Node: 98, Parts: []audience.Part{part}}); err != nil {
				t.Fatal(err)
			}
		}
		pass(3 * time.Second)
		f.all(t, view.Count{Online: 1, Peak: 1, Unique: 1}, n)
	})
}
