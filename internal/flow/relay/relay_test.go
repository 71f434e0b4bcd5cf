package relay_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broker keeps what it acknowledged, and does as the test says.
type broker struct {
	mu    sync.Mutex
	held  []arrival
	tries []time.Time
	// refuse, when set, is the answer; partly is how many of a refused batch arrive all the same.
	refuse error
	partly int
	takes  time.Duration // how long a publish lasts
	hangs  bool          // a publish never answers
}

type arrival struct {
	event event.RoomEvent
	at    time.Time
}

func (b *broker) Publish(ctx context.Context, events []event.RoomEvent) error {
	b.mu.Lock()
	b.tries = append(b.tries, time.Now())
	takes, hangs := b.takes, b.hangs
	b.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if takes > 0 {
		<-time.After(takes)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(events)
	if b.refuse != nil {
		n = min(b.partly, n)
	}
	for _, e := range events[:n] {
		b.held = append(b.held, arrival{e, time.Now()})
	}
	return b.refuse
}

func (b *broker) Position(context.Context) (ident.FeedSeq, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var at ident.FeedSeq
	for _, a := range b.held {
		at = max(at, a.event.FeedSeq)
	}
	return at, b.refuse
}

func (b *broker) set(change func(*broker)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

func (b *broker) arrivals() []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.held)
}

func (b *broker) seqs() (out []ident.FeedSeq) {
	for _, a := range b.arrivals() {
		out = append(out, a.event.FeedSeq)
	}
	return out
}

func (b *broker) attempts() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.tries)
}

// passages hears of stations.
type passages struct {
	mu  sync.Mutex
	all []string
}

func (p *passages) Passed(a station.Passage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, fmt.Sprint(a.Station, " ", a.Event.FeedSeq))
}

// line is a store, a relay that runs, and a broker.
type line struct {
	*testing.T
	rooms *memory.Rooms
	bus   *broker
	relay *relay.Relay
	off   atomic.Bool // the queue is switched off
	seen  *passages
	start time.Time
	last  ident.RoomID
}

func onLine(t *testing.T, prepare func(*line), test func(*line)) {
	synctest.Test(t, func(t *testing.T) {
		l := &line{T: t, rooms: memory.NewRooms("test"), bus: &broker{}, seen: &passages{}, start: time.Now()}
		if prepare != nil {
			prepare(l)
		}
		l.relay = relay.New(relay.Config{Log: l.rooms, Bus: l.bus, Observer: l.seen, Logger: slog.New(slog.DiscardHandler),
			Jitter: func() float64 { return 1 }, On: func() bool { return !l.off.Load() }})
		l.rooms.Subscribe(func([]event.RoomEvent) { l.relay.Committed() })
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- l.relay.Run(ctx) }()
		defer func() { // also after a Fatal: nobody is left in the bubble
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		test(l)
	})
}

// commit commits n events in one transaction.
func (l *line) commit(n int) {
	l.Helper()
	err := l.rooms.Write(context.Background(), func(tx command.Tx) error {
		for range n {
			l.last++
			r, err := room.Create(room.By{Now: time.Now()}, l.last, 7, room.Description{Title: "x"})
			if err != nil {
				return err
			}
			if err := tx.SaveRoom(ownership.XAnchor, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.Fatal(err)
	}
}

// at moves on to so long after the start.
func (l *line) at(after time.Duration) {
	<-time.After(time.Until(l.start.Add(after)))
	synctest.Wait()
}

// wantAll checks that the broker holds 1..n in order, each once.
func (l *line) wantAll(n int) {
	l.Helper()
	got := l.bus.seqs()
	if len(got) != n {
		l.Fatalf("the broker holds %d events, want %d", len(got), n)
	}
	for i, seq := range got {
		if seq != ident.FeedSeq(i+1) {
			l.Fatalf("event %d of the broker is %d", i+1, seq)
		}
	}
	if p := l.relay.Published(); int(p) != n {
		l.Errorf("the relay says it published up to %d of %d", p, n)
	}
}

var errAway = errors.New("the broker is away")

func TestPublishesInOrder(t *testing.T) {
	onLine(t, nil, func(l *line) {
		l.at(time.Millisecond)
		l.commit(3)
		synctest.Wait()
		l.wantAll(3) // at once: nobody waited for a tick
		l.commit(1500)
		l.commit(1)
		l.at(time.Second)
		l.wantAll(1504)
		for _, a := range l.bus.arrivals() {
			if a.event.PublishedAt.IsZero() || a.event.Sum() != a.event.Checksum || a.event.Epoch != "test" {
				t.Fatalf("event %d was published as %+v", a.event.FeedSeq, a.event)
			}
		}
		l.seen.mu.Lock()
		defer l.seen.mu.Unlock()
		if len(l.seen.all) != 2*1504 || l.seen.all[0] != "sequenced 1" || l.seen.all[3] != "published 1" {
			t.Errorf("%d passages were told, beginning with %v", len(l.seen.all), l.seen.all[:4])
		}
	})
}

func TestFindsWhatNobodyAnnounced(t *testing.T) {
	onLine(t, nil, func(l *line) {
		l.rooms.Subscribe(func([]event.RoomEvent) {}) // another process committed
		l.at(10 * time.Millisecond)
		l.commit(2)
		l.at(relay.LookEvery + time.Millisecond)
		l.wantAll(2)
	})
}

// TestBusyBroker: what is sequenced while a publish is under way follows it at once.
func TestBusyBroker(t *testing.T) {
	onLine(t, func(l *line) { l.bus.takes = 10 * time.Millisecond }, func(l *line) {
		for i := 1; i <= 3; i++ {
			l.at(time.Duration(i) * time.Millisecond)
			l.commit(1)
		}
		l.at(35 * time.Millisecond)
		l.wantAll(3)
	})
}

func TestBrokerComesBack(t *testing.T) {
	onLine(t, func(l *line) { l.bus.refuse = errAway }, func(l *line) {
		for range 20 {
			l.commit(40)
			l.at(time.Since(l.start) + 50*time.Millisecond)
		}
		if n := len(l.bus.seqs()); n != 0 {
			t.Fatalf("a broker that refuses holds %d events", n)
		}
		l.bus.set(func(b *broker) { b.refuse = nil })
		l.at(time.Since(l.start) + 2*time.Second) // the longest wait between two attempts
		l.wantAll(800)
	})
}

// TestHalfTakenBatch: a refusal leaves open what arrived. What is missing comes after, and no event is left out.
func TestHalfTakenBatch(t *testing.T) {
	onLine(t, nil, func(l *line) {
		l.at(time.Millisecond)
		l.commit(2)
		synctest.Wait()
		l.bus.set(func(b *broker) { b.refuse, b.partly = errAway, 3 })
		l.commit(10)
		l.at(20 * time.Millisecond)
		l.bus.set(func(b *broker) { b.refuse = nil })
		l.at(3 * time.Second)
		l.wantAll(12)
	})
}

func TestWipedBrokerIsRefilled(t *testing.T) {
	onLine(t, nil, func(l *line) {
		l.at(time.Millisecond)
		l.commit(700)
		l.at(50 * time.Millisecond)
		l.wantAll(700)
		l.bus.set(func(b *broker) { b.held = nil })
		l.at(relay.LookEvery + time.Millisecond) // the next look finds it, without any new event
		l.wantAll(700)
	})
}

// TestForeignBroker: a broker that is ahead of our log holds another one's events.
func TestForeignBroker(t *testing.T) {
	foreign := event.RoomEvent{RoomID: 1, FeedSeq: 5000}
	onLine(t, func(l *line) { l.bus.held = []arrival{{event: foreign}} }, func(l *line) {
		l.at(time.Millisecond)
		l.commit(3)
		l.at(time.Second)
		got := slices.DeleteFunc(l.bus.seqs(), func(s ident.FeedSeq) bool { return s == 5000 })
		if slices.Sort(got); !slices.Equal(slices.Compact(got), []ident.FeedSeq{1, 2, 3}) {
			t.Errorf("beside the foreign event the broker was given %v", got)
		}
	})
}

// TestRestart: a new relay goes on where the broker stands.
func TestRestart(t *testing.T) {
	onLine(t, func(l *line) {
		l.commit(9)
		events, err := l.rooms.Sequence(context.Background(), 6)
		if err != nil || l.bus.Publish(context.Background(), events[:4]) != nil {
			t.Fatal(err)
		}
	}, func(l *line) {
		l.at(time.Millisecond)
		l.wantAll(9)
	})
}

func TestBackoffGrows(t *testing.T) {
	onLine(t, func(l *line) { l.commit(1) }, func(l *line) {
		l.at(10 * time.Millisecond)
		l.bus.set(func(b *broker) { b.hangs, b.tries = true, nil })
		l.commit(1)
		l.at(time.Minute)
		tries := l.bus.attempts()
		l.bus.set(func(b *broker) { b.hangs = false })
		var waits []time.Duration
		for i := 1; i < len(tries); i++ {
			waits = append(waits, tries[i].Sub(tries[i-1])-5*time.Second) // each attempt is given up after 5 s
		}
		want := []time.Duration{50, 100, 200, 400, 800, 1600, 2000, 2000}
		for i := range want {
			if want[i] *= time.Millisecond; i >= len(waits) || waits[i] != want[i] {
				t.Fatalf("the waits between attempts were %v, want %v", waits, want)
			}
		}
		l.at(63 * time.Second)
		l.wantAll(2)
	})
}

// TestTheQueueIsSwitched: while it is off nothing is published, everything is sequenced, and the broker is left
// alone; on again, the broker is brought what is missing, in order, each once.
func TestTheQueueIsSwitched(t *testing.T) {
	onLine(t, nil, func(l *line) {
		l.commit(3)
		l.at(time.Second)
		l.off.Store(true)
		l.bus.set(func(b *broker) { b.tries = nil })
		for range 3 {
			l.commit(600)
			l.at(time.Since(l.start) + 2*relay.LookEvery)
		}
		l.wantAll(3)
		if end, err := l.rooms.End(t.Context()); err != nil || end != 1803 || len(l.bus.attempts()) != 0 {
			t.Errorf("the log ends at %d (%v), %d times it was published", end, err, len(l.bus.attempts()))
		}
		l.off.Store(false)
		l.at(time.Since(l.start) + relay.LookEvery)
		l.wantAll(1803)
	})
}

// TestStoreRefuses: a sequencer that cannot sequence tries again; the publisher goes on with what is in the log.
func TestStoreRefuses(t *testing.T) {
	var mu sync.Mutex
	away := true
	onLine(t, func(l *line) {
		l.rooms.Fail = func(step memory.Step) error {
			mu.Lock()
			defer mu.Unlock()
			if away && step == memory.BeforeSequence {
				return errAway
			}
			return nil
		}
	}, func(l *line) {
		l.commit(4)
		l.at(3 * time.Second)
		if n := len(l.bus.seqs()); n != 0 {
			t.Fatalf("%d events were published without a feed_seq", n)
		}
		mu.Lock()
		away = false
		mu.Unlock()
		l.at(6 * time.Second)
		l.wantAll(4)
	})
}

// TestLostAcknowledgement: the sequencing happened, but nobody was told. The events are found in the log.
func TestLostAcknowledgement(t *testing.T) {
	lost := false
	onLine(t, func(l *line) {
		l.rooms.Fail = func(step memory.Step) error {
			if step == memory.AfterSequence && !lost {
				lost = true
				return errAway
			}
			return nil
		}
	}, func(l *line) {
		l.commit(4)
		l.at(time.Second)
		l.commit(1)
		l.at(2 * time.Second)
		l.wantAll(5)
	})
}
