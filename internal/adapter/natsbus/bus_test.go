package natsbus_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

func TestPublishIsStoredOnceAndInOrder(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	bus := newBus(t, conn, nil)
	events := bustest.Events(600, 1, 2)
	publish(t, bus, events)
	publish(t, bus, events) // a publish whose acknowledgements were lost
	wantStored(t, conn, events, len(events)/100)
}

// wantStored checks that the stream holds exactly these events, in at most so many pages.
func wantStored(t *testing.T, conn *nats.Conn, events []event.RoomEvent, pages int) {
	t.Helper()
	stream, err := jetStream(t, conn).Stream(t.Context(), natsbus.Stream)
	must(t, err)
	state := stream.CachedInfo().State
	if state.Msgs > uint64(pages) {
		t.Errorf("%d events take %d messages, want at most %d", len(events), state.Msgs, pages)
	}
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := stream.GetMsg(t.Context(), seq)
		must(t, err)
		must(t, wire.EachEntry(m.Data, func(room ident.RoomID, body []byte) {
			e, err := wire.UnmarshalEvent(body)
			must(t, err)
			if len(events) == 0 || e.ID() != events[0].ID() || e.FeedSeq != events[0].FeedSeq || e.RoomID != room {
				t.Fatalf("message %d holds event %s at %d for room %s; %d are still to come", seq, e.ID(), e.FeedSeq, room, len(events))
			}
			events = events[1:]
		}))
	}
	if len(events) > 0 {
		t.Errorf("%d events are not there, from %s", len(events), events[0].ID())
	}
}

// A stream that refuses what we send is brought into shape, and the page goes before those behind it.
func TestPublishKeepsTheOrderAroundARefusal(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	_, err := jetStream(t, conn).CreateStream(t.Context(), jetstream.StreamConfig{
		Name: natsbus.Stream, Subjects: []string{"greenroom.events"}, MaxMsgSize: 100 << 10,
	})
	must(t, err)
	events := bustest.Events(600, 1)
	events[300].Reason = strings.Repeat("long", 40<<10)
	publish(t, newBus(t, conn, nil), events)
	wantStored(t, conn, events, 4)
}

// Pages are bounded in bytes, whatever the events are.
func TestPagesOfLongEventsFitTheBroker(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	events := bustest.Events(100, 1)
	for i := range events {
		events[i].Reason = strings.Repeat("long", 16<<10)
	}
	publish(t, newBus(t, conn, nil), events)
	wantStored(t, conn, events, 25)
}

// A foreign message holds nobody's events; publishing and consuming get past it.
func TestAForeignMessageIsDropped(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	bus := newBus(t, conn, nil)
	events := bustest.Events(20, 1)
	publish(t, bus, events[:10])
	publishRaw(t, conn, []byte("foreign"))
	publish(t, bus, events[10:])
	c, _ := consumeInto(t, bus)
	c.until(t, events)
}

// A stream of the time when events travelled one by one is taken over; what it holds is dropped, as the log has it.
func TestAStreamOfSingleEventsIsTakenOver(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	js := jetStream(t, conn)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: natsbus.Stream, Subjects: []string{"greenroom.events.*"}})
	must(t, err)
	_, err = js.CreateConsumer(t.Context(), natsbus.Stream, jetstream.ConsumerConfig{
		Durable: "project-test", AckPolicy: jetstream.AckAllPolicy, MaxAckPending: 1024,
	})
	must(t, err)
	events := bustest.Events(30, 1, 2)
	for i := range events[:10] {
		raw, err := wire.MarshalEvent(&events[i])
		must(t, err)
		_, err = js.Publish(t.Context(), "greenroom.events."+events[i].RoomID.String(), raw)
		must(t, err)
	}
	bus := newBus(t, conn, nil)
	at, err := bus.Position(t.Context())
	if at != 0 || err != nil {
		t.Errorf("position %d, %v", at, err)
	}
	publish(t, bus, events)
	if at, err = bus.Position(t.Context()); at != 30 || err != nil {
		t.Errorf("position %d, %v", at, err)
	}
	c, _ := consumeInto(t, bus)
	c.until(t, events)
}

// Two events that cannot be read have no version and no type; their places tell them apart.
func TestUnreadableEventsAreNoRepeats(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	bus := newBus(t, conn, nil)
	var events []event.RoomEvent
	for seq := range ident.FeedSeq(3) {
		events = append(events, event.RoomEvent{RoomID: 1, Epoch: bustest.Epoch, FeedSeq: seq + 1})
		publish(t, bus, events[seq:])
	}
	if at, err := bus.Position(t.Context()); at != 3 || err != nil {
		t.Errorf("position %d, %v", at, err)
	}
}

func TestPositionCountsOnlyItsOwnLog(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	publish(t, newBus(t, conn, nil), bustest.Events(10, 1))
	other, err := natsbus.New(conn, natsbus.Config{Epoch: "another log", Log: quiet(t)})
	must(t, err)
	any, err := natsbus.New(conn, natsbus.Config{Log: quiet(t)})
	must(t, err)
	for name, c := range map[string]struct {
		bus  *natsbus.Bus
		want int64
	}{"another": {other, 0}, "any": {any, 10}} {
		if at, err := c.bus.Position(t.Context()); err != nil || int64(at) != c.want {
			t.Errorf("%s log: position is %d, %v; want %d", name, at, err, c.want)
		}
	}
}

func TestEventUnderAForeignAddressIsUnreadable(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	bus := newBus(t, conn, nil)
	events := bustest.Events(2, 1)
	payload, err := wire.MarshalEvent(&events[0])
	must(t, err)
	_, err = bus.Position(t.Context()) // makes the stream
	must(t, err)
	publishRaw(t, conn, wire.AppendRawEntry(nil, 77, payload))
	publish(t, bus, events[1:])
	c, _ := consumeInto(t, bus)
	c.until(t, events)
	if d, _ := c.has(events[0]); d.Unreadable == nil || d.Room != 77 || len(d.Raw) == 0 {
		t.Errorf("delivery is %+v, want unreadable for room 77", d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.got) != 2 {
		t.Errorf("%d deliveries, want 2", len(c.got))
	}
}

// What somebody else took from our consumer is missed by us: acknowledging past it would lose it.
func TestConsumeMissesAStolenDelivery(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	bus := newBus(t, conn, nil)
	events := bustest.Events(200, 1, 2)
	c, _ := consumeInto(t, bus)
	publish(t, bus, events[:1])
	c.until(t, events[:1])

	thief, err := jetStream(t, conn).Consumer(t.Context(), natsbus.Stream, "project-test")
	must(t, err)
	loot, err := thief.Fetch(5, jetstream.FetchMaxWait(patience))
	must(t, err)
	must(t, conn.Flush())
	for i := range events[1:] { // each a page of its own
		publish(t, bus, events[1+i:][:1])
	}
	stolen := 0
	for range loot.Messages() {
		stolen++
	}
	if stolen == 0 {
		t.Fatal("nothing was stolen, so the test shows nothing")
	}
	c.until(t, events)
}

// Whatever an operator deletes at the broker, consuming goes on.
func TestConsumeOutlivesDeletions(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	bus := newBus(t, conn, nil)
	js := jetStream(t, conn)
	events := bustest.Events(40, 1, 2)
	c, _ := consumeInto(t, bus)
	publish(t, bus, events[:10])
	c.until(t, events[:10])

	must(t, js.DeleteConsumer(t.Context(), natsbus.Stream, "project-test"))
	publish(t, bus, events[10:20])
	c.until(t, events[10:20])

	must(t, js.DeleteStream(t.Context(), natsbus.Stream))
	eventually(t, "publish", func(ctx context.Context) bool { return bus.Publish(ctx, events[20:30]) == nil })
	c.until(t, events[20:30])

	must(t, conn.ForceReconnect())
	eventually(t, "publish", func(ctx context.Context) bool { return bus.Publish(ctx, events[30:]) == nil })
	c.until(t, events[30:])
}

// The bound on bytes lets the oldest go, and the position stays the newest.
func TestStreamIsBounded(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	bus, err := natsbus.New(conn, natsbus.Config{Durable: "project-test", MaxBytes: 64 << 10, Log: quiet(t)})
	must(t, err)
	publish(t, bus, bustest.Events(1000, 1))
	stream, err := jetStream(t, conn).Stream(t.Context(), natsbus.Stream)
	must(t, err)
	if s := stream.CachedInfo().State; s.Bytes > 64<<10 || s.Msgs == 0 {
		t.Errorf("the stream holds %d messages in %d bytes, want some within 64 KiB", s.Msgs, s.Bytes)
	}
	if at, err := bus.Position(t.Context()); err != nil || at != 1000 {
		t.Errorf("position is %d, %v; want 1000", at, err)
	}
}

// BenchmarkThroughput is publish to handed over, in the relay's batches; events/s is b.N over the time.
func BenchmarkThroughput(b *testing.B) {
	bus := newBus(b, connect(b, runEmbedded(b, b.TempDir()).broker), nil)
	events := bustest.Events(b.N, 1, 2, 3, 4, 5, 6, 7, 8)
	handed := countdown(b, bus, b.N)
	b.ResetTimer()
	if err := bus.Publish(b.Context(), events); err != nil {
		b.Fatal(err)
	}
	<-handed
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkLatency is one event at a time: from before Publish until handle has it, and
// until Publish has its acknowledgement.
func BenchmarkLatency(b *testing.B) {
	bus := newBus(b, connect(b, runEmbedded(b, b.TempDir()).broker), nil)
	events := bustest.Events(b.N+1, 1)
	at := make(chan time.Time, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- bus.Consume(ctx, func(context.Context, []project.Delivery) error { at <- time.Now(); return nil })
	}()
	if err := bus.Publish(ctx, events[:1]); err != nil {
		b.Fatal(err)
	}
	<-at
	var handed, acked time.Duration
	b.ResetTimer()
	for i := range b.N {
		from := time.Now()
		if err := bus.Publish(ctx, events[i+1:i+2]); err != nil {
			b.Fatal(err)
		}
		acked += time.Since(from)
		handed += (<-at).Sub(from)
	}
	b.StopTimer()
	b.ReportMetric(float64(handed.Microseconds())/float64(b.N), "µs-to-handle")
	b.ReportMetric(float64(acked.Microseconds())/float64(b.N), "µs-to-ack")
	cancel()
	<-done
}

// countdown consumes n events, then closes the channel.
func countdown(b *testing.B, bus *natsbus.Bus, n int) <-chan struct{} {
	ctx, cancel := context.WithCancel(context.Background())
	handed, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- bus.Consume(ctx, func(_ context.Context, batch []project.Delivery) error {
			if n -= len(batch); n <= 0 {
				close(handed)
			}
			return nil
		})
	}()
	b.Cleanup(func() { cancel(); <-done })
	return handed
}
