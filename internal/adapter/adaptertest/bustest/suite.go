package bustest

import (
	"context"
	"errors"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// Broker is one broker under test, with its levers.
type Broker struct {
	Bus   relay.Bus
	Queue project.Queue
	// PublishRaw sends bytes that are no event under a room's address.
	PublishRaw func(ident.RoomID, []byte)
	// Restart makes the processes at both ends begin anew; what the broker holds stays.
	Restart func() (relay.Bus, project.Queue)
	// Wipe loses everything the broker holds, its consumers included.
	Wipe func()
	// Redelivered is what the adapter's hook has counted.
	Redelivered func() int
}

// Run runs the suite. open makes an empty broker that ends with the test.
func Run(t *testing.T, open func(t *testing.T) Broker) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, Broker)
	}{
		{"each room's events arrive in order, once each when nothing fails", inOrder},
		{"a lone event is handed over without waiting for others", alone},
		{"batches are bounded", boundedBatches},
		{"what was taken is not delivered again", takenOnce},
		{"what was not taken comes back, before anything newer", comesBackInOrder},
		{"a publish repeated in part loses nothing and keeps the order", repeatedPublish},
		{"a repeated publish does no harm", harmlessRepeat},
		{"an event may be published that nobody consumes yet", waitsForConsumer},
		{"the position is the newest feed_seq", position},
		{"bytes that are no event arrive as unreadable, under their room", unreadable},
		{"a restart of both ends keeps what was not acknowledged", restart},
		{"a wiped broker says so and works on", wipe},
		{"a publish ends with its context", publishEnds},
		{"consume ends with its context, even while a handler fails", consumeEnds},
	} {
		t.Run(c.promise, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func inOrder(t *testing.T, b Broker) {
	l := newLog()
	events := l.events(1000, 1, 2, 3, ident.AreaTree)
	c := consume(t, b.Queue)
	publish(t, b.Bus, events[:1])
	publish(t, b.Bus, events[1:700])
	publish(t, b.Bus, events[700:])
	c.until(events)
	c.inOrder()
	if got := len(c.seen()); got != len(events) {
		t.Errorf("%d deliveries of %d events, although nothing failed", got, len(events))
	}
	if got := b.Redelivered(); got != 0 {
		t.Errorf("%d redeliveries counted, although nothing failed", got)
	}
	for _, d := range c.seen() {
		checkDelivery(t, d)
	}
}

func alone(t *testing.T, b Broker) {
	l := newLog()
	c := consume(t, b.Queue)
	for range 20 {
		e := l.events(1, 7)
		publish(t, b.Bus, e)
		c.until(e)
	}
}

func boundedBatches(t *testing.T, b Broker) {
	events := newLog().events(1500, 1, 2)
	publish(t, b.Bus, events)
	c := consume(t, b.Queue)
	c.until(events)
	if n := c.largest(); n > 256 || n < 2 {
		t.Errorf("the largest batch of a backlog of 1500 had %d events, want more than 1 and at most 256", n)
	}
}

func takenOnce(t *testing.T, b Broker) {
	l := newLog()
	first := l.events(300, 1)
	publish(t, b.Bus, first)
	c := consume(t, b.Queue)
	c.until(first)
	c.stop()
	second := l.events(10, 1)
	publish(t, b.Bus, second)
	again := consume(t, b.Queue)
	again.until(second)
	// The last acknowledgement may be lost with the process that sent it, but no more than that.
	for _, d := range again.seen() {
		if d.Event.Version <= 300-256 {
			t.Fatalf("version %d was taken and is delivered again", d.Event.Version)
		}
	}
}

func comesBackInOrder(t *testing.T, b Broker) {
	l := newLog()
	events := l.events(600, 1, 2, 3)
	c := consumeFailing(t, b.Queue, 3)
	publish(t, b.Bus, events[:5])
	publish(t, b.Bus, events[5:])
	c.until(events)
	c.inOrder()
	if c.failures() != 3 {
		t.Errorf("the handler failed %d times, want 3", c.failures())
	}
	if b.Redelivered() == 0 {
		t.Error("no redelivery was counted")
	}
}

func repeatedPublish(t *testing.T, b Broker) {
	events := newLog().events(400, 1, 2)
	publish(t, b.Bus, events[:250])
	// The relay did not learn that they arrived, and sends all from a little before.
	publish(t, b.Bus, events[100:])
	c := consume(t, b.Queue)
	c.until(events)
	c.firstsInOrder()
}

func harmlessRepeat(t *testing.T, b Broker) {
	l := newLog()
	events := l.events(20, 1)
	for range 3 {
		publish(t, b.Bus, events)
	}
	last := l.events(1, 1)
	publish(t, b.Bus, last)
	c := consume(t, b.Queue)
	c.until(append(events, last...))
	c.firstsInOrder()
}

func waitsForConsumer(t *testing.T, b Broker) {
	events := newLog().events(3, 1)
	publish(t, b.Bus, events)
	c := consume(t, b.Queue)
	c.until(events)
	c.inOrder()
}

func position(t *testing.T, b Broker) {
	l := newLog()
	wantPosition(t, b.Bus, 0)
	publish(t, b.Bus, l.events(10, 1, 2))
	wantPosition(t, b.Bus, 10)
	publish(t, b.Bus, nil)
	wantPosition(t, b.Bus, 10)
	events := l.events(300, 3)
	publish(t, b.Bus, events)
	wantPosition(t, b.Bus, 310)
	c := consume(t, b.Queue)
	c.until(events)
	wantPosition(t, b.Bus, 310) // taking away does not move it back
}

func unreadable(t *testing.T, b Broker) {
	l := newLog()
	events := l.events(4, 1)
	publish(t, b.Bus, events[:2])
	raw := []byte("\xffthis is no event")
	b.PublishRaw(42, raw)
	publish(t, b.Bus, events[2:])
	c := consume(t, b.Queue)
	c.until(events)
	found := 0
	for _, d := range c.seen() {
		if d.Unreadable == nil {
			continue
		}
		found++
		if d.Room != 42 || string(d.Raw) != string(raw) {
			t.Errorf("unreadable delivery of room %s holds %q, want room 42 and what was sent", d.Room, d.Raw)
		}
	}
	if found != 1 {
		t.Errorf("%d unreadable deliveries, want 1", found)
	}
}

func restart(t *testing.T, b Broker) {
	events := newLog().events(500, 1, 2)
	publish(t, b.Bus, events[:400])
	c := consumeUpTo(t, b.Queue, 100)
	c.untilRefused()
	taken := c.taken()
	c.stop()

	b.Bus, b.Queue = b.Restart()
	wantPosition(t, b.Bus, 400)
	publish(t, b.Bus, events[400:])
	again := consume(t, b.Queue)
	again.until(events[taken:])
	again.inOrder()
}

func wipe(t *testing.T, b Broker) {
	l := newLog()
	c := consume(t, b.Queue)
	before := l.events(50, 1)
	publish(t, b.Bus, before)
	c.until(before)
	b.Wipe()
	eventually(t, "position 0", func(ctx context.Context) bool {
		at, err := b.Bus.Position(ctx)
		return err == nil && at == 0
	})
	after := l.events(50, 1, 2)
	eventually(t, "publish", func(ctx context.Context) bool { return b.Bus.Publish(ctx, after) == nil })
	c.until(after)
	wantPosition(t, b.Bus, 100)
}

func publishEnds(t *testing.T, b Broker) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	events := newLog().events(10, 1)
	if err := b.Bus.Publish(ctx, events); !errors.Is(err, context.Canceled) {
		t.Errorf("publish under an ended context: %v, want context.Canceled", err)
	}
	publish(t, b.Bus, events)
	c := consume(t, b.Queue)
	c.until(events)
	c.firstsInOrder()
}

func consumeEnds(t *testing.T, b Broker) {
	publish(t, b.Bus, newLog().events(10, 1))
	c := consumeUpTo(t, b.Queue, 0)
	c.untilRefused()
	c.stop()
}

// checkDelivery looks at what no later station could repair.
func checkDelivery(t *testing.T, d project.Delivery) {
	t.Helper()
	if d.Unreadable != nil || d.Room != d.Event.RoomID || d.ReceivedAt.IsZero() || d.Courier != "queue" {
		t.Fatalf("delivery is incomplete: %+v", d)
	}
	if d.Event.Sum() != d.Event.Checksum || d.Event.Epoch != epoch || d.Event.Type == event.Type("") {
		t.Fatalf("the event changed on its way: %+v", d.Event)
	}
}
