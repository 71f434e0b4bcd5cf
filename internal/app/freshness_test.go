package app_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/adapter/wordindex"
	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// farLog is a B whose log cannot be asked once it is far.
type farLog struct {
	*memory.Rooms
	far atomic.Bool
}

func (f *farLog) Head(ctx context.Context) (project.Head, error) {
	if f.far.Load() {
		return project.Head{}, errAway
	}
	return f.Rooms.Head(ctx)
}

// What viewers are told of a room's age stands on the beats alone, and falls with them.
func TestAViewersNodeFarFromBIsFreshAsLongAsBeatsCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &farLog{Rooms: memory.NewRooms("e")}
		var silent atomic.Bool
		bus := memory.NewBus(memory.BusConfig{BeatFault: func(event.Beat) memory.BusFault { return memory.BusFault{Drop: silent.Load()} }})
		node := app.NewCorridor(app.CorridorConfig{
			Engines: app.Engines{Rooms: b, Views: memory.NewViews(), Bus: bus, L1: memory.NewCache(), Index: wordindex.New()},
			Logger:  slog.New(slog.DiscardHandler),
		})
		node.Heart = relay.NewHeart(b, time.Now, slog.New(slog.DiscardHandler), bus) // no direct call: B is far
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- node.Run(ctx) }()
		defer func() { stop(); <-ended }()

		meta := command.Meta{Caller: command.Caller{Subject: "ops", Anchor: 7, Scopes: []command.Scope{command.ScopeOps}}}
		r, err := node.Anchor.CreateRoom(t.Context(), meta, 7, room.Description{Title: "far away"})
		if err != nil {
			t.Fatal(err)
		}
		age := func() time.Duration {
			e, err := node.Reads.Get(t.Context(), r.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			return node.Reads.Age(e)
		}
		<-time.After(time.Second) // the views are filled
		b.far.Store(true)
		for range 100 {
			<-time.After(170 * time.Millisecond)
			if a := age(); a > 300*time.Millisecond {
				t.Fatalf("beats come, and the age is %s", a)
			}
		}
		silent.Store(true)
		<-time.After(query.StaleAfter - time.Second)
		if a := age(); query.Stale(a) || a < query.StaleAfter-1300*time.Millisecond {
			t.Errorf("4 s after the last beat the age is %s", a)
		}
		<-time.After(2 * time.Second)
		if a := age(); !query.Stale(a) {
			t.Errorf("6 s after the last beat the age of %s is called fresh", a)
		}
		silent.Store(false)
		<-time.After(time.Second)
		if a := age(); a > 300*time.Millisecond {
			t.Errorf("beats came back, and the age is %s", a)
		}
	})
}
