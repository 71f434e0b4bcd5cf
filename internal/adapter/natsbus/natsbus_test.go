package natsbus_test

import (
	"context"
	"flag"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// TestMain lets four clusters live at a time, however few cores there are: most of their tests' time goes by between
// a leader's death and the election of the next.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience ends a wait that will not be rewarded; it is no measurement.
const patience = time.Minute

func TestBusKeepsTheContract(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Broker {
		dir := t.TempDir() + "/broker"
		var redelivered atomic.Int64
		stop := runEmbedded(t, dir)
		conn := connect(t, stop.broker)
		bus := newBus(t, conn, func(n int) { redelivered.Add(int64(n)) })
		return bustest.Broker{
			Bus: bus, Queue: bus,
			PublishRaw: func(room ident.RoomID, raw []byte) { publishRaw(t, conn, wire.AppendRawEntry(nil, room, raw)) },
			Restart: func() (relay.Bus, project.Queue) {
				conn.Close()
				stop.now()
				stop = runEmbedded(t, dir)
				conn = connect(t, stop.broker)
				bus := newBus(t, conn, nil)
				return bus, bus
			},
			Wipe: func() {
				if err := jetStream(t, conn).DeleteStream(t.Context(), natsbus.Stream); err != nil {
					t.Fatal(err)
				}
			},
			Redelivered: func() int { return int(redelivered.Load()) },
		}
	})
}

// running is an embedded broker that a test can stop.
type running struct {
	broker *natsbus.Embedded
	now    func()
}

func runEmbedded(t testing.TB, dir string) running {
	t.Helper()
	e := natsbus.NewEmbedded(natsbus.EmbeddedConfig{Dir: dir, Log: quiet(t)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the broker ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("the broker does not stop")
		}
	})
	t.Cleanup(stop)
	return running{e, stop}
}

// connect returns when the broker answers.
func connect(t testing.TB, e *natsbus.Embedded) *nats.Conn {
	t.Helper()
	conn, err := e.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	eventually(t, "a connection", func(context.Context) bool { return conn.IsConnected() })
	return conn
}

func newBus(t testing.TB, conn *nats.Conn, redelivered func(int)) *natsbus.Bus {
	t.Helper()
	bus, err := natsbus.New(conn, natsbus.Config{
		Durable: "project-test", Epoch: bustest.Epoch, Log: quiet(t), Redelivered: redelivered,
	})
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

func jetStream(t testing.TB, conn *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// publishRaw is a foreign publisher.
func publishRaw(t testing.TB, conn *nats.Conn, raw []byte) {
	t.Helper()
	if _, err := conn.Request("greenroom.events", raw, patience); err != nil {
		t.Fatal(err)
	}
}

// quiet logs to the test, where it shows only when the test fails.
func quiet(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func eventually(t testing.TB, what string, attempt func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	try := func() bool { // a question that a broker without a leader has lost is never answered: it is asked again
		within, cancel := context.WithTimeout(ctx, patience/12)
		defer cancel()
		return attempt(within)
	}
	for !try() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
