package memory_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

func TestBusKeepsTheContract(t *testing.T) {
	bustest.Run(t, func(*testing.T) bustest.Broker {
		var redelivered atomic.Int64
		bus := memory.NewBus(memory.BusConfig{Redelivered: func(n int) { redelivered.Add(int64(n)) }})
		return bustest.Broker{
			Bus: bus, Queue: bus, PublishRaw: bus.PublishRaw, Wipe: bus.Wipe,
			Restart:     func() (relay.Bus, project.Queue) { return bus, bus },
			Redelivered: func() int { return int(redelivered.Load()) },
		}
	})
}

func TestBusFaults(t *testing.T) {
	refusal := errors.New("the broker is full")
	for name, c := range map[string]struct {
		fault func(*event.RoomEvent) memory.BusFault
		err   error
		want  []ident.Version
	}{
		"none":   {func(*event.RoomEvent) memory.BusFault { return memory.BusFault{} }, nil, []ident.Version{1, 2, 3}},
		"drop":   {on(2, memory.BusFault{Drop: true}), nil, []ident.Version{1, 3}},
		"repeat": {on(2, memory.BusFault{Repeat: 2}), nil, []ident.Version{1, 2, 2, 2, 3}},
		"delay":  {on(1, memory.BusFault{Delay: time.Minute}), nil, []ident.Version{2, 3, 1}},
		"refuse": {on(3, memory.BusFault{Refuse: refusal}), refusal, []ident.Version{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := memory.NewBus(memory.BusConfig{Fault: c.fault})
				ctx, cancel := context.WithCancel(t.Context())
				var got []ident.Version
				done := make(chan error, 1)
				go func() {
					done <- bus.Consume(ctx, func(_ context.Context, batch []project.Delivery) error {
						for _, d := range batch {
							got = append(got, d.Event.Version)
						}
						return nil
					})
				}()
				if err := bus.Publish(ctx, bustest.Events(3, 1)); !errors.Is(err, c.err) {
					t.Fatalf("publish: %v, want %v", err, c.err)
				}
				<-time.After(time.Hour) // the bubble's: everything delayed has arrived
				cancel()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("delivered %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestWipedBusForgetsWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := memory.NewBus(memory.BusConfig{Fault: on(1, memory.BusFault{Delay: time.Second})})
		if err := bus.Publish(t.Context(), bustest.Events(2, 1)); err != nil {
			t.Fatal(err)
		}
		bus.Wipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := bus.Consume(ctx, func(_ context.Context, batch []project.Delivery) error {
			t.Errorf("a wiped broker delivered %d events", len(batch))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// on befalls one version.
func on(v ident.Version, f memory.BusFault) func(*event.RoomEvent) memory.BusFault {
	return func(e *event.RoomEvent) memory.BusFault {
		if e.Version == v {
			return f
		}
		return memory.BusFault{}
	}
}
