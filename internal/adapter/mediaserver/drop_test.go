package mediaserver_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/adapter/mediaserver"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// life is a room with its media server. Between any two things that a poller does, more of the script happens.
type life struct {
	t      *rapid.T
	mu     sync.Mutex
	script []string
	now    time.Time
	room   *room.Room
	// listed are the connections that the server publishes; next is the number of the next one.
	listed map[string]bool
	next   int
	// away: the store fails. refused are the answers to the renewals of each connection, the last one.
	away    bool
	refused map[string]error
}

var terms = room.Terms{Lease: 10 * time.Second, Grace: 30 * time.Second}

// turn lets the next few lines of the script happen.
func (l *life) turn(lines int) {
	for range min(lines, len(l.script)) {
		l.play(l.script[0])
		l.script = l.script[1:]
	}
	l.room.Expire(l.by(), terms)
}

func (l *life) by() room.By { return room.By{Now: l.now, Actor: "test"} }

func (l *life) play(line string) {
	switch line {
	case "publish": // the server asks first, and lists after the yes
		l.next++
		p := room.FromSRS(fmt.Sprint("c", l.next), "")
		p.Key = ident.KeyID(1 + l.next%2)
		if l.room.GoLive(l.by(), p, ident.SessionID(l.next), terms) == nil {
			l.listed[p.ClientID] = true
		}
	case "leave", "vanish": // with a word, or without one
		for _, client := range slices.Sorted(maps.Keys(l.listed))[:min(1, len(l.listed))] {
			delete(l.listed, client)
			if line == "leave" {
				_ = l.room.Interrupt(l.by(), room.FromSRS(client, ""), terms) // stale when it holds nothing
			}
		}
	case "stop":
		l.room.Stop(l.by())
	case "take over", "reject":
		l.room.Policy = map[string]room.PublisherPolicy{"take over": room.TakeOver, "reject": room.Reject}[line]
	case "away", "back":
		l.away = line == "away"
	case "later":
		l.now = l.now.Add(7 * time.Second)
	case "much later": // lease and grace run out, if nobody renews
		l.now = l.now.Add(time.Minute)
	}
}

var lines = []string{"publish", "publish", "leave", "vanish", "stop", "take over", "reject", "away", "back", "later", "much later", "nothing", "nothing"}

func (l *life) Kind() string { return room.SRS }

func (l *life) Streams(context.Context) ([]mediaserver.Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []mediaserver.Stream
	for _, client := range slices.Sorted(maps.Keys(l.listed)) {
		out = append(out, mediaserver.Stream{
			Publishing: command.Publishing{Stream: "1", Publisher: room.FromSRS(client, "")}, Handle: client,
		})
	}
	l.turn(2) // while the answer travels
	return out, nil
}

func (l *life) Renew(_ context.Context, _ command.Meta, p command.Publishing) (*room.Room, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(1)
	err := error(fault.StoreUnavailable.New("away"))
	if !l.away {
		err = l.room.Renew(l.by(), p.Publisher, terms)
	}
	l.refused[p.Publisher.ClientID] = err
	l.turn(1)
	return l.room, err
}

func (l *life) Drop(_ context.Context, s mediaserver.Stream) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.refused[s.Handle]; !errors.Is(err, fault.StaleSession) {
		l.t.Errorf("%s was dropped, its renewal said %v", s.Handle, err)
	}
	found := l.listed[s.Handle] // who left is not there to be dropped, and may wait in its grace
	if found && l.holds(s.Handle) {
		l.t.Errorf("%s was dropped, and holds the session", s.Handle)
	}
	delete(l.listed, s.Handle)
	return found, nil
}

// holds reports whether the connection is the session's.
func (l *life) holds(client string) bool {
	return l.room.Session != nil && l.room.Session.Publisher.ClientID == client
}

// TestOnlyWhatHoldsNoSessionIsDropped plays rounds while publishers come, go, take over and are stopped between any
// two of their steps: no connection is dropped that publishes and holds the session, or whose renewal failed otherwise, and as soon as
// nothing happens any more, one round leaves nothing published but what holds it.
func TestOnlyWhatHoldsNoSessionIsDropped(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := &life{
			t: rt, script: rapid.SliceOfN(rapid.SampledFrom(lines), 0, 80).Draw(rt, "script"), now: time.Unix(1_700_000_000, 0),
			room: &room.Room{ID: 1}, listed: map[string]bool{}, refused: map[string]error{},
		}
		l.room.Loaded()
		p := mediaserver.NewPoller(mediaserver.Config{Server: l, Renewer: l, Log: slog.New(slog.DiscardHandler)})
		poll := func() {
			if err := p.Poll(t.Context()); err != nil {
				rt.Fatal(err)
			}
		}
		for len(l.script) > 0 {
			poll()
		}
		l.away = false
		poll()
		for client := range l.listed {
			if !l.holds(client) {
				rt.Errorf("%s is still published, and holds nothing", client)
			}
		}
	})
}

// TestADropIsOrderedUntilTheListSaysItIsGone: a server that fails, and one that says yes and goes on publishing.
func TestADropIsOrderedUntilTheListSaysItIsGone(t *testing.T) {
	s := &script{streams: streams("1")}
	answers := []func() (bool, error){
		func() (bool, error) { return false, errors.New("boiling over") },
		func() (bool, error) { return false, errors.New("boiling over") },
		func() (bool, error) { return true, nil },
		func() (bool, error) { return true, nil },
		func() (bool, error) { s.streams = nil; return false, nil },
	}
	var orders int
	s.drop = func(string) (bool, error) { orders++; return answers[orders-1]() }
	var log strings.Builder
	l, c := &leases{renewed: map[string]int{}}, &tally{n: map[string]int{}}
	l.fail = func(string) error { return fault.StaleSession.New("cut") }
	p := mediaserver.NewPoller(mediaserver.Config{Server: s, Renewer: l, Count: c.count, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range len(answers) + 2 {
		if err := p.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int{"srs poll unclaimed": 5, "srs drop failed": 2, "srs drop dropped": 2, "srs drop gone": 1}
	if !maps.Equal(c.n, want) {
		t.Fatalf("counted %v, want %v", c.n, want)
	}
	if n, m := strings.Count(log.String(), "not dropped"), strings.Count(log.String(), "stream dropped"); n != 1 || m != 1 {
		t.Fatalf("logged %d failures and %d drops, want each once:\n%s", n, m, log.String())
	}
}

func TestWhatIsNoPublisherIsLeftAlone(t *testing.T) {
	s := &script{streams: streams("1")}
	s.streams[0].Handle = ""
	p, l, c := stage(s)
	l.fail = func(string) error { return fault.StaleSession.New("nobody let it in") }
	if err := p.Poll(t.Context()); err != nil || len(s.dropped) != 0 || !maps.Equal(c.n, map[string]int{"srs poll unclaimed": 1}) {
		t.Fatalf("dropped %v, counted %v, %v", s.dropped, c.n, err)
	}
}

// TestANudgeDoesNotWaitForTheRound, and a thousand of them do not make a thousand rounds.
func TestANudgeDoesNotWaitForTheRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		p, _, _ := stage(s)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		rounds := func(d time.Duration, nudge bool) int {
			s.turn(nil)
			for end := time.Now().Add(d); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
				if nudge {
					p.Nudge()
				}
			}
			synctest.Wait()
			return len(s.turn(nil))
		}
		rounds(time.Second, false) // the first round, and long enough after it
		p.Nudge()
		synctest.Wait()
		if n := len(s.turn(nil)); n != 1 {
			t.Fatalf("%d rounds at once after a nudge, want 1", n)
		}
		if n := rounds(10*time.Second, true); n < 17 || n > 21 {
			t.Fatalf("%d rounds in 10 s of nudges, want one in 500 ms", n)
		}
		rounds(time.Second, false) // the last nudge
		if n := rounds(20*time.Second, false); n < 9 || n > 11 {
			t.Fatalf("%d rounds in 20 s without a nudge", n)
		}
		s.turn(errors.New("gone"))
		rounds(time.Minute, false)
		s.turn(errors.New("gone"))
		for range 100 {
			p.Nudge()
			<-time.After(10 * time.Millisecond)
		}
		if n := len(s.turn(nil)); n > 1 {
			t.Fatalf("%d rounds: a server that is down is asked sooner because of nudges", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}
