package relay_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/guard/breaker"
)

// ingest is the C side's entrance: it takes, refuses, or hangs.
type ingest struct {
	mu    sync.Mutex
	got   []ident.RoomID
	calls []time.Time
	err   error
	hangs bool
}

func (i *ingest) Push(ctx context.Context, events []event.RoomEvent) error {
	i.mu.Lock()
	i.calls = append(i.calls, time.Now())
	err, hangs := i.err, i.hangs
	i.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, e := range events {
		i.got = append(i.got, e.RoomID)
	}
	return nil
}

func (i *ingest) set(change func(*ingest)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(i)
}

func (i *ingest) seen() ([]ident.RoomID, []time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.got), slices.Clone(i.calls)
}

// zones is a direct courier with the zones a, b, … that it calls, and what it did not bring them.
type zones struct {
	*relay.Direct
	to map[string]*ingest

	mu      sync.Mutex
	off     bool
	dropped map[string]int // by "zone why"
	states  map[string]breaker.State
}

func direct(t *testing.T, names string, runs bool, test func(*zones)) {
	synctest.Test(t, func(t *testing.T) {
		z := &zones{to: map[string]*ingest{}, dropped: map[string]int{}, states: map[string]breaker.State{}}
		c := relay.DirectConfig{
			Logger: slog.New(slog.DiscardHandler), Jitter: func() float64 { return 0.5 }, On: func() bool { return !z.isOff() },
			Dropped: func(zone string, n int, why string) {
				z.mu.Lock()
				defer z.mu.Unlock()
				z.dropped[zone+" "+why] += n
			},
			Breaker: func(zone string, s breaker.State) {
				z.mu.Lock()
				defer z.mu.Unlock()
				z.states[zone] = s
			},
		}
		for _, name := range strings.Split(names, "") {
			z.to[name] = &ingest{}
			c.Zones = append(c.Zones, relay.Zone{Name: name, Ingest: z.to[name]})
		}
		z.Direct = relay.NewDirect(c)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		if runs {
			go func() { done <- z.Run(ctx) }()
		} else {
			done <- nil
		}
		defer func() { // also after a Fatal: nobody is left in the bubble
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		test(z)
	})
}

func (z *zones) isOff() bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.off
}

func (z *zones) switchTo(on bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.off = !on
}

func (z *zones) drops(zone, why string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.dropped[zone+" "+why]
}

func (z *zones) state(zone string) breaker.State {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.states[zone]
}

func (z *zones) send(rooms ...ident.RoomID) {
	events := make([]event.RoomEvent, len(rooms))
	for i, id := range rooms {
		events[i].RoomID = id
	}
	z.Send(events)
}

// each sends a commit and waits until what can be brought is.
func (z *zones) each(rooms ...ident.RoomID) {
	for _, id := range rooms {
		z.send(id)
		synctest.Wait()
	}
}

// want checks what a zone was brought.
func (z *zones) want(t *testing.T, zone string, rooms ...ident.RoomID) {
	t.Helper()
	if got, _ := z.to[zone].seen(); !slices.Equal(got, rooms) {
		t.Errorf("zone %s was brought %v, want %v", zone, got, rooms)
	}
}

func TestDirectBringsInOrderToEveryZone(t *testing.T) {
	direct(t, "ab", true, func(z *zones) {
		z.send(1, 2)
		z.send(3)
		synctest.Wait()
		z.want(t, "a", 1, 2, 3)
		z.want(t, "b", 1, 2, 3)
		if z.state("a") != breaker.Closed {
			t.Error("a breaker opened")
		}
	})
}

// TestDirectIsBounded: with nobody to make the calls, Send returns all the same and drops the commits that do not fit.
func TestDirectIsBounded(t *testing.T) {
	direct(t, "ab", false, func(z *zones) {
		for range 1500 {
			z.send(1, 2, 3)
		}
		for _, zone := range []string{"a", "b"} {
			if n := z.drops(zone, relay.DropFull); n != 3*(1500-4096/3) {
				t.Errorf("zone %s: %d events were dropped, want those beyond 4096", zone, n)
			}
		}
	})
}

// TestOneCallCarriesWhatWaits: a zone that answers slowly is not called once a commit.
func TestOneCallCarriesWhatWaits(t *testing.T) {
	direct(t, "a", false, func(z *zones) {
		var rooms []ident.RoomID
		for i := range ident.RoomID(200) {
			z.send(3*i, 3*i+1, 3*i+2)
			rooms = append(rooms, 3*i, 3*i+1, 3*i+2)
		}
		many := make([]ident.RoomID, 300) // one commit stays whole
		z.send(many...)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- z.Run(ctx) }()
		synctest.Wait()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		z.want(t, "a", append(rooms, many...)...)
		if _, calls := z.to["a"].seen(); len(calls) != 4 {
			t.Errorf("900 events in 201 commits took %d calls, want 255, 255, 90 and 300", len(calls))
		}
	})
}

// TestADeadZoneCostsTheOthersNothing: a call that hangs is given up after its budget, and only five in a row; the other
// zone has every event when it is sent.
func TestADeadZoneCostsTheOthersNothing(t *testing.T) {
	direct(t, "ab", true, func(z *zones) {
		z.to["a"].hangs = true
		start := time.Now()
		for i := range ident.RoomID(10) {
			at := time.Now()
			z.each(i)
			if time.Since(at) != 0 {
				t.Error("Send waited")
			}
			if got, _ := z.to["b"].seen(); len(got) != int(i)+1 {
				t.Errorf("b has %d of %d events", len(got), i+1)
			}
			<-time.After(20 * time.Millisecond)
		}
		_, calls := z.to["a"].seen()
		if len(calls) != 5 || calls[4].Sub(start) != 4*20*time.Millisecond {
			t.Errorf("%d calls, at %v; want five, one budget of 20 ms after the other", len(calls), calls)
		}
		if z.drops("a", relay.DropFailed) != 5 || z.drops("a", relay.DropBreaker) != 5 || z.drops("b", relay.DropFailed) != 0 {
			t.Errorf("dropped: %v", z.dropped)
		}
		if z.state("a") != breaker.Open || z.state("b") != breaker.Closed {
			t.Errorf("the breakers are %v", z.states)
		}
	})
}

func TestAZoneComesBack(t *testing.T) {
	direct(t, "a", true, func(z *zones) {
		a := z.to["a"]
		a.err = errors.New("away")
		z.each(1, 2, 3, 4, 5)
		count := func() int { _, calls := a.seen(); return len(calls) }
		<-time.After(250*time.Millisecond - 1)
		z.each(6)
		if n := count(); n != 5 {
			t.Fatalf("an open breaker let %d calls through", n-5)
		}
		<-time.After(1)
		z.each(7, 8) // one probe; it fails and the breaker stays open, for twice as long
		if n := count(); n != 6 {
			t.Fatalf("after the pause %d calls were made, want one probe", n-5)
		}
		a.set(func(i *ingest) { i.err = nil })
		<-time.After(500 * time.Millisecond)
		z.each(9, 10)
		z.want(t, "a", 9, 10)
		// Closed for good: it takes five failures again.
		a.set(func(i *ingest) { i.err, i.calls = errors.New("away"), nil })
		<-time.After(3 * time.Second) // what succeeded is out of the window
		z.each(1, 2, 3, 4, 5, 6, 7)
		if n := count(); n != 5 {
			t.Errorf("after it had closed, %d calls failed before it opened", n)
		}
	})
}

func TestDirectIsSwitched(t *testing.T) {
	direct(t, "ab", true, func(z *zones) {
		z.each(1)
		z.switchTo(false)
		z.each(2, 3)
		z.switchTo(true)
		z.each(4)
		for _, zone := range []string{"a", "b"} {
			z.want(t, zone, 1, 4)
			if n := z.drops(zone, relay.DropOff); n != 2 {
				t.Errorf("%d events of zone %s count as switched off", n, zone)
			}
		}
	})
}

// TestAStopSaysNothingOfAZone: calls that end with the process are neither failures nor drops.
func TestAStopSaysNothingOfAZone(t *testing.T) {
	direct(t, "a", false, func(z *zones) {
		z.to["a"].hangs = true
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- z.Run(ctx) }()
		z.each(1)
		stop()
		if err := <-done; err != nil || z.drops("a", relay.DropFailed) != 0 {
			t.Errorf("Run: %v; dropped %v", err, z.dropped)
		}
	})
}
