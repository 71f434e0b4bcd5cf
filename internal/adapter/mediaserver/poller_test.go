package mediaserver_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/mediaserver"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a server whose rounds a test writes down.
type script struct {
	mu      sync.Mutex
	streams []mediaserver.Stream
	err     error
	asked   []time.Time
	// drop answers an order; nil: it is carried out.
	drop func(handle string) (bool, error)
	// dropped are the handles of all orders.
	dropped []string
}

// turn starts a new page of the script and returns when it was asked on the one before.
func (s *script) turn(err error) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked, s.err = nil, err
	return asked
}

func (s *script) Kind() string { return room.SRS }

func (s *script) Streams(context.Context) ([]mediaserver.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, time.Now())
	return slices.Clone(s.streams), s.err
}

func (s *script) Drop(_ context.Context, stream mediaserver.Stream) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = append(s.dropped, stream.Handle)
	if s.drop != nil {
		return s.drop(stream.Handle)
	}
	before := len(s.streams)
	s.streams = slices.DeleteFunc(s.streams, func(o mediaserver.Stream) bool { return o.Handle == stream.Handle })
	return len(s.streams) < before, nil
}

// leases answers renewals by the stream's name, and sees how many run at once.
type leases struct {
	fail func(stream string) error
	hold time.Duration

	mu           sync.Mutex
	renewed      map[string]int
	running, top int
	meta         command.Meta
}

func (l *leases) Renew(ctx context.Context, m command.Meta, p command.Publishing) (*room.Room, error) {
	l.mu.Lock()
	l.running++
	l.top = max(l.top, l.running)
	l.meta = m
	l.mu.Unlock()
	var err error
	if l.hold > 0 {
		select {
		case <-time.After(l.hold):
		case <-ctx.Done():
			err = fault.DeadlineExceeded.Wrap(ctx.Err(), "too slow")
		}
	}
	if err == nil && l.fail != nil {
		err = l.fail(p.Stream)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	if err == nil {
		l.renewed[p.Stream]++
	}
	return nil, err
}

func (l *leases) renewals(stream string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renewed[stream]
}

type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) count(server, call, result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[server+" "+call+" "+result]++
}

func (c *tally) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[what]
}

func stage(s *script) (*mediaserver.Poller, *leases, *tally) {
	l, c := &leases{renewed: map[string]int{}}, &tally{n: map[string]int{}}
	return mediaserver.NewPoller(mediaserver.Config{
		Server: s, Renewer: l, Count: c.count, Log: slog.New(slog.DiscardHandler),
	}), l, c
}

func streams(names ...string) []mediaserver.Stream {
	var out []mediaserver.Stream
	for _, n := range names {
		out = append(out, mediaserver.Stream{Publishing: command.Publishing{Stream: n, Publisher: room.FromSRS("c"+n, "")}, Handle: "c" + n})
	}
	return out
}

func TestARoundRenewsWhatItSees(t *testing.T) {
	s := &script{streams: streams("1", "2", "3", "4")}
	p, l, c := stage(s)
	l.fail = func(stream string) error {
		switch stream {
		case "2":
			return fault.StaleSession.New("another holds it")
		case "3":
			return fault.RoomNotFound.New("not ours")
		case "4":
			return fault.StoreUnavailable.New("locked")
		}
		return nil
	}
	if err := p.Poll(t.Context()); err != nil {
		t.Fatalf("trouble with single streams must not fail the round: %v", err)
	}
	want := map[string]int{"srs poll renewed": 1, "srs poll unclaimed": 2, "srs poll unproven": 1, "srs drop dropped": 2}
	if !maps.Equal(c.n, want) || l.renewed["1"] != 1 {
		t.Fatalf("counted %v, renewed %v", c.n, l.renewed)
	}
	if slices.Sort(s.dropped); !slices.Equal(s.dropped, []string{"c2", "c3"}) {
		t.Fatalf("dropped %v, want those that hold no session, and nothing else", s.dropped)
	}
	if l.meta.Caller.Subject != "srs" || !l.meta.Caller.Has(command.ScopeService) {
		t.Fatalf("renewed as %+v", l.meta.Caller)
	}
}

func TestRenewalsAreBoundedAndNoneIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 200 {
			names = append(names, fmt.Sprint(i+1))
		}
		p, l, _ := stage(&script{streams: streams(names...)})
		l.hold = 10 * time.Millisecond
		if err := p.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l.top < 2 || l.top > 16 || len(l.renewed) != 200 {
			t.Fatalf("%d at once, %d renewed", l.top, len(l.renewed))
		}
	})
}

func TestARoundHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, l, c := stage(&script{streams: streams("1")})
		l.hold = time.Hour
		start := time.Now()
		if err := p.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != mediaserver.DefaultEvery || c.n["srs poll unproven"] != 1 {
			t.Fatalf("took %v, counted %v", took, c.n)
		}
	})
}

func TestRunPollsEveryTwoSecondsAndBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{streams: streams("1")}
		p, l, c := stage(s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()

		<-time.After(20 * time.Second) // on the bubble's clock
		synctest.Wait()
		asked := s.turn(errors.New("gone"))
		mustBeApart(t, asked, 1800*time.Millisecond, 2200*time.Millisecond)
		if n := l.renewals("1"); n != len(asked) {
			t.Fatalf("%d rounds renewed %d times", len(asked), n)
		}

		<-time.After(2 * time.Minute)
		synctest.Wait()
		asked = s.turn(nil)
		mustBeApart(t, asked[len(asked)/2:], 4500*time.Millisecond, 5500*time.Millisecond)
		if n := c.of("srs poll failed"); n != len(asked) {
			t.Fatalf("counted %d of %d failures", n, len(asked))
		}

		<-time.After(20 * time.Second)
		synctest.Wait()
		mustBeApart(t, s.turn(nil)[1:], 1800*time.Millisecond, 2200*time.Millisecond)

		cancel()
		if err := <-done; err != nil {
			t.Fatalf("Run ended with %v", err)
		}
	})
}

// mustBeApart checks the gaps, and that they are not all the same: jitter.
func mustBeApart(t *testing.T, at []time.Time, low, high time.Duration) {
	t.Helper()
	if len(at) < 4 {
		t.Fatalf("asked %d times only", len(at))
	}
	gaps := map[time.Duration]bool{}
	for i := 1; i < len(at); i++ {
		gap := at[i].Sub(at[i-1])
		gaps[gap] = true
		if gap < low || gap > high {
			t.Fatalf("round %d came after %v, want %v to %v", i, gap, low, high)
		}
	}
	if len(gaps) == 1 {
		t.Fatal("all rounds are exactly as far apart: no jitter")
	}
}
