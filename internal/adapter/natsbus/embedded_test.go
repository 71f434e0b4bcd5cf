package natsbus_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// streamDir is where the server keeps our stream.
func streamDir(dir string) string {
	return filepath.Join(dir, "jetstream", "$G", "streams", natsbus.Stream)
}

func TestFolderLostWhileRunning(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, dir string){
		"deleted":            func(t *testing.T, dir string) { remove(t, dir) },
		"emptied":            func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "jetstream")) },
		"without its stream": func(t *testing.T, dir string) { remove(t, streamDir(dir)) },
		"moved away":         func(t *testing.T, dir string) { must(t, os.Rename(dir, dir+".elsewhere")) },
		"replaced": func(t *testing.T, dir string) {
			remove(t, dir)
			must(t, os.MkdirAll(filepath.Join(dir, "jetstream"), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/broker"
			bus := newBus(t, connect(t, runEmbedded(t, dir).broker), nil)
			events := bustest.Events(400, 1, 2)
			c, _ := consumeInto(t, bus)
			publish(t, bus, events[:200])
			c.until(t, events[:200])

			lose(t, dir)
			eventually(t, "position 0", func(ctx context.Context) bool {
				at, err := bus.Position(ctx)
				return err == nil && at == 0
			})
			eventually(t, "publish", func(ctx context.Context) bool { return bus.Publish(ctx, events[200:]) == nil })
			c.until(t, events[200:])
		})
	}
}

func TestFolderOnDiskAtStart(t *testing.T) {
	garbage := []byte("\x00garbage\xff")
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		// kept: the events of before are still delivered.
		kept bool
	}{
		"untouched": {func(*testing.T, string) {}, true},
		"deleted":   {func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) }, false},
		"stream's description": {func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(streamDir(dir), "meta.inf"), garbage, 0o600))
		}, false},
		"a file for the folder": {func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)); must(t, os.WriteFile(dir, garbage, 0o600)) }, false},
		"a file for the store": {func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, "jetstream")))
			must(t, os.WriteFile(filepath.Join(dir, "jetstream"), garbage, 0o600))
		}, false},
		"messages": {func(t *testing.T, dir string) {
			blocks, err := filepath.Glob(filepath.Join(streamDir(dir), "msgs", "*"))
			must(t, err)
			for _, b := range blocks {
				must(t, os.WriteFile(b, garbage, 0o600))
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/broker"
			r := runEmbedded(t, dir)
			conn := connect(t, r.broker)
			events := bustest.Events(20, 1)
			publish(t, newBus(t, conn, nil), events[:10])
			conn.Close()
			r.now()

			c.spoil(t, dir)
			bus := newBus(t, connect(t, runEmbedded(t, dir).broker), nil)
			want := events[10:]
			if c.kept {
				want = events
			}
			if at, err := bus.Position(t.Context()); err != nil || (at != 10) == c.kept {
				t.Errorf("position is %d, %v; kept: %v", at, err, c.kept)
			}
			publish(t, bus, events[10:])
			got, _ := consumeInto(t, bus)
			got.until(t, want)
			if _, ok := got.has(events[0]); ok != c.kept {
				t.Errorf("an event of before is delivered: %v, want %v", ok, c.kept)
			}
		})
	}
}

// After a power loss the broker may have forgotten messages that it, the relay and the consumer agreed
// on: it does not fsync each. Their sequence numbers are given out again, and must not be taken for
// those that were acknowledged.
func TestBrokerForgotItsNewestMessages(t *testing.T) {
	dir := t.TempDir() + "/broker"
	msgs, older := filepath.Join(streamDir(dir), "msgs"), t.TempDir()+"/msgs"
	events := bustest.Events(20, 1)
	run := func(publishes []event.RoomEvent) {
		r := runEmbedded(t, dir)
		conn := connect(t, r.broker)
		bus := newBus(t, conn, nil)
		publish(t, bus, publishes)
		c, stop := consumeInto(t, bus)
		c.until(t, publishes)
		stop()
		conn.Close()
		r.now()
	}
	run(events[:10])
	must(t, os.CopyFS(older, os.DirFS(msgs)))
	run(events[10:])
	must(t, os.RemoveAll(msgs))
	must(t, os.Rename(older, msgs))

	bus := newBus(t, connect(t, runEmbedded(t, dir).broker), nil)
	if at, err := bus.Position(t.Context()); err != nil || at != 10 {
		t.Fatalf("position is %d, %v; want 10", at, err)
	}
	publish(t, bus, events[10:])
	c, _ := consumeInto(t, bus)
	c.until(t, events[10:])
}

func TestConnectBeforeRun(t *testing.T) {
	dir := t.TempDir()
	e := natsbus.NewEmbedded(natsbus.EmbeddedConfig{Dir: dir, Log: quiet(t)})
	conn, err := e.Connect("early")
	must(t, err)
	t.Cleanup(conn.Close)
	bus := newBus(t, conn, nil)
	if err := bus.Publish(t.Context(), bustest.Events(1, 1)); err == nil {
		t.Error("publish to a broker that does not run succeeded")
	}
	if _, err := bus.Position(t.Context()); err == nil {
		t.Error("position of a broker that does not run succeeded")
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	eventually(t, "publish", func(ctx context.Context) bool { return bus.Publish(ctx, bustest.Events(1, 1)) == nil })
	cancel()
	must(t, <-done)
}

// remove deletes a folder in which the server still writes.
func remove(t testing.TB, dir string) {
	t.Helper()
	eventually(t, "removing "+dir, func(context.Context) bool { return os.RemoveAll(dir) == nil })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func publish(t testing.TB, bus *natsbus.Bus, events []event.RoomEvent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, bus.Publish(ctx, events))
}

// collector keeps what was delivered.
type collector struct {
	mu  sync.Mutex
	got []project.Delivery

	highest ident.FeedSeq // of the first looked
	looked  int
}

func consumeInto(t testing.TB, bus *natsbus.Bus) (*collector, func()) {
	t.Helper()
	c := &collector{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- bus.Consume(ctx, func(_ context.Context, batch []project.Delivery) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			for i := range batch {
				batch[i].Open()
			}
			c.got = append(c.got, batch...)
			return nil
		})
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			must(t, err)
		case <-time.After(patience):
			t.Error("consume does not end")
		}
	})
	t.Cleanup(stop)
	return c, stop
}

func (c *collector) has(e event.RoomEvent) (project.Delivery, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.got, func(d project.Delivery) bool { return d.Event.ID() == e.ID() })
	if i < 0 {
		return project.Delivery{}, false
	}
	return c.got[i], true
}

func (c *collector) until(t testing.TB, events []event.RoomEvent) {
	t.Helper()
	next := 0
	eventually(t, "all events", func(context.Context) bool {
		for next < len(events) {
			if _, ok := c.has(events[next]); !ok {
				return false
			}
			next++
		}
		return true
	})
}
