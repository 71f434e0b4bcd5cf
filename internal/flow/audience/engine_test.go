package audience_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// is compares all but the moment.
func is(t testing.TB, got, want view.Count) {
	t.Helper()
	if want.Room == 0 {
		want.Room, want.Session = 7, 70
	}
	if got.AsOf = want.AsOf; got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestOneViewersEvening(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		n := f.nodes[0]
		n.beat(t, 7, "ann")
		pass(2 * time.Second)
		is(t, n.of(70), view.Count{Online: 1, Peak: 1, Unique: 1})
		for range 3 {
			pass(20 * time.Second)
			n.beat(t, 7, "ann")
		}
		pass(2 * time.Second)
		is(t, n.of(70), view.Count{Online: 1, Peak: 1, Unique: 1, WatchSeconds: 62})
		pass(audience.SeenWithin - 3*time.Second)
		is(t, n.of(70), view.Count{Online: 1, Peak: 1, Unique: 1, WatchSeconds: 62})
		pass(3 * time.Second)
		is(t, n.of(70), view.Count{Peak: 1, Unique: 1, WatchSeconds: 62})
		n.beat(t, 7, "ann") // who was away has not watched, and is nobody new
		pass(2 * time.Second)
		is(t, n.of(70), view.Count{Online: 1, Peak: 1, Unique: 1, WatchSeconds: 62})
		if got := n.Engine.Online(); got != 1 {
			t.Errorf("%d online at the node", got)
		}
	})
}

func TestWhoComesTooLateHasNotWatched(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		n := f.nodes[0]
		n.beat(t, 7, "ann")
		pass(audience.SeenWithin + time.Second/2) // not yet noticed
		n.beat(t, 7, "ann")
		pass(2 * time.Second)
		is(t, n.of(70), view.Count{Online: 1, Peak: 1, Unique: 1})
	})
}

func TestACountSaysOfWhen(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		f.nodes[0].beat(t, 7, "ann")
		pass(2 * time.Second)
		if age := time.Since(f.nodes[0].of(70).AsOf); age < 0 || age > time.Second {
			t.Errorf("a count of %v ago", age)
		}
	})
}

func TestOnlyWhatChangedIsTold(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		n := f.nodes[0]
		n.beat(t, 7, "ann")
		pass(2 * time.Second)
		before := n.times()
		pass(30 * time.Second)
		if told := n.times() - before; told != 0 {
			t.Errorf("told %d times of a room in which nothing happened", told)
		}
	})
}

func TestLikes(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		n := f.nodes[0]
		for _, count := range []int64{1, audience.MaxLikes} {
			if counted, err := n.Like(7, []byte("ann"), count); !counted || err != nil {
				t.Errorf("%v, %v", counted, err)
			}
		}
		for _, count := range []int64{0, -1, audience.MaxLikes + 1} {
			if _, err := n.Like(7, []byte("ann"), count); !errors.Is(err, fault.InvalidArgument) {
				t.Errorf("%d likes: %v", count, err)
			}
		}
		pass(2 * time.Second)
		is(t, n.of(70), view.Count{Likes: audience.MaxLikes + 1})
	})
}

func TestRoomsOffAirDoNotCount(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		n := f.nodes[0]
		if counted, err := n.Beat(8, []byte("ann")); counted || err != nil {
			t.Errorf("%v, %v", counted, err)
		}
		if counted, err := n.Like(8, []byte("ann"), 1); counted || err != nil {
			t.Errorf("%v, %v", counted, err)
		}
		pass(2 * time.Second)
		if n.times() != 0 || n.Engine.Online() != 0 {
			t.Errorf("told %d times, %d online", n.times(), n.Engine.Online())
		}
	})
}

func TestANewSessionBeginsAtZero(t *testing.T) {
	bubble(t, 1, func(t *testing.T, f *fleet) {
		n := f.nodes[0]
		for range 3 {
			for i := range 10 {
				n.beat(t, 7, fmt.Sprint(i))
			}
			pass(20 * time.Second)
		}
		last := view.Count{Online: 10, Peak: 10, Unique: 10, WatchSeconds: 400}
		is(t, n.of(70), last)
		f.air.set(7, 71)
		n.beat(t, 7, "1")
		pass(6 * time.Second)
		is(t, n.of(71), view.Count{Room: 7, Session: 71, Online: 1, Peak: 1, Unique: 1})
		last.Online = 0
		is(t, n.of(70), last)
		before := n.times()
		pass(2 * time.Minute)
		if told := n.times() - before; told != 1 { // that the one viewer has gone
			t.Errorf("told %d times more", told)
		}
		if got := n.Known(); got != 1 {
			t.Errorf("%d sessions are kept", got)
		}
	})
}

func TestWhoIsNoViewerIsRefused(t *testing.T) {
	f := newFleet(t, 0)
	e := audience.New(audience.Config{Sessions: f.air, Sink: &board{}, Now: time.Now})
	for _, id := range []string{"", strings.Repeat("x", audience.MaxViewerID+1)} {
		if _, err := e.Beat(7, []byte(id)); !errors.Is(err, fault.InvalidArgument) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := e.Like(7, []byte(id), 1); !errors.Is(err, fault.InvalidArgument) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := e.Beat(7, []byte(strings.Repeat("x", audience.MaxViewerID))); err != nil {
		t.Error(err)
	}
}

func TestAFullNodeRefusesNewViewersAndKeepsItsOwn(t *testing.T) {
	const most, crowd = 320, 6400
	bubble(t, 0, func(t *testing.T, f *fleet) {
		n := f.joinWith(audience.Config{MaxViewers: most})
		taken, refused := "", 0
		for i := range crowd {
			id := fmt.Sprint(i)
			switch _, err := n.Beat(7, []byte(id)); {
			case errors.Is(err, fault.Overloaded):
				refused++
			case err != nil:
				t.Fatal(err)
			default:
				taken = id
			}
		}
		pass(2 * time.Second)
		// Each part of the node has its own bound, which may be one more than its share.
		if got := n.Engine.Online(); got < most || got > most+most/10 || got+int64(refused) != crowd {
			t.Errorf("%d online, %d refused", got, refused)
		}
		n.beat(t, 7, taken)
		pass(audience.SeenWithin + 2*time.Second) // and there is place again
		n.beat(t, 7, "somebody new")
	})
}
