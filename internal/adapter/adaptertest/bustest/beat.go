package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// Pulse is a bus as the heartbeat uses it.
type Pulse interface {
	relay.Bus
	relay.BeatCourier
	project.Queue
	project.Beats
}

// RunBeats runs the contract of the heartbeat's way. open makes an empty broker that ends with the test.
func RunBeats(t *testing.T, open func(t *testing.T) Pulse) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, Pulse)
	}{
		{"all who listen hear a beat as it was sent", heardByAll},
		{"a beat is not kept, and no event", notKept},
		{"who has stopped hears no more", stopsHearing},
	} {
		t.Run(c.promise, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// aBeat is the nth.
func aBeat(n ident.FeedSeq) event.Beat {
	return event.Beat{Epoch: epoch, Seq: n, At: time.UnixMilli(1_790_000_000_000).UTC().Add(time.Duration(n) * time.Nanosecond)}
}

// pulseEar is who listens until stop.
func pulseEar(t *testing.T, p Pulse) (heard <-chan event.Beat, stop func()) {
	t.Helper()
	beats, done := make(chan event.Beat, 1024), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- p.Beats(ctx, func(b event.Beat) { beats <- b }) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("listening ended with %v", err)
		}
	}
	return beats, stop
}

// until beats on until the ear hears, and returns what it heard first. Nobody knows when an ear is open.
func until(t *testing.T, p Pulse, from ident.FeedSeq, heard <-chan event.Beat) (first event.Beat, next ident.FeedSeq) {
	t.Helper()
	eventually(t, "a beat", func(ctx context.Context) bool {
		if err := p.Beat(ctx, aBeat(from)); err != nil {
			t.Fatal(err)
		}
		from++
		select {
		case first = <-heard:
			return true
		default:
			return false
		}
	})
	return first, from
}

func heardByAll(t *testing.T, p Pulse) {
	one, stopOne := pulseEar(t, p)
	defer stopOne()
	two, stopTwo := pulseEar(t, p)
	defer stopTwo()
	n := ident.FeedSeq(1)
	for _, heard := range []<-chan event.Beat{one, two} {
		var got event.Beat
		got, n = until(t, p, n, heard)
		if want := aBeat(got.Seq); got.Epoch != want.Epoch || !got.At.Equal(want.At) {
			t.Errorf("%+v arrived as %+v", want, got)
		}
	}
}

func notKept(t *testing.T, p Pulse) {
	for n := range ident.FeedSeq(5) {
		if err := p.Beat(t.Context(), aBeat(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	heard, stop := pulseEar(t, p)
	defer stop()
	if got, _ := until(t, p, 100, heard); got.Seq < 100 {
		t.Errorf("beat %d was kept for whoever came later", got.Seq)
	}
	wantPosition(t, p, 0)
	c := consume(t, p)
	events := newLog().events(1, 1)
	publish(t, p, events)
	c.until(events)
	if n := len(c.seen()); n != 1 {
		t.Errorf("%d deliveries of one event", n)
	}
}

func stopsHearing(t *testing.T, p Pulse) {
	gone, stop := pulseEar(t, p)
	_, n := until(t, p, 1, gone)
	stop()
	for len(gone) > 0 {
		<-gone
	}
	stays, stopIt := pulseEar(t, p)
	defer stopIt()
	until(t, p, n, stays)
	if len(gone) > 0 {
		t.Errorf("beat %d was heard after the end", (<-gone).Seq)
	}
}
