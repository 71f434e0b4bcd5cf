package app_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/adapter/ottercache"
	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/adapter/wordindex"
	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	oldRooms = 20_000 // in room_c when the node begins
	newRooms = 300    // on B only
	patience = time.Minute
)

// awayLog is a B that cannot be asked until it is reached.
type awayLog struct {
	*sqlitestore.Rooms
	reached atomic.Bool
}

var errAway = errors.New("the B side cannot be reached")

func (a *awayLog) Head(ctx context.Context) (project.Head, error) {
	if !a.reached.Load() {
		return project.Head{}, errAway
	}
	return a.Rooms.Head(ctx)
}

func (a *awayLog) Frontier(ctx context.Context) (string, ident.FeedSeq, error) {
	if !a.reached.Load() {
		return "", 0, errAway
	}
	return a.Rooms.Frontier(ctx)
}

func (a *awayLog) After(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	if !a.reached.Load() {
		return nil, errAway
	}
	return a.Rooms.After(ctx, after, limit)
}

// A node that begins is not ready before all of it is true: the rooms are in memory, and what happened meanwhile is, too.
func TestANodeIsReadyWhenItIsWarmAndHasCaughtUp(t *testing.T) {
	rooms, views := engines(t)
	l1, err := ottercache.New(1 << 30)
	if err != nil {
		t.Fatal(err)
	}
	b := &awayLog{Rooms: rooms}
	node := app.NewCorridor(app.CorridorConfig{
		Engines: app.Engines{Rooms: b, Views: views, Bus: memory.NewBus(memory.BusConfig{}), L1: l1, Index: wordindex.New()},
		Logger:  slog.New(slog.DiscardHandler),
	})
	if err := node.Ready(); err == nil {
		t.Error("ready before it began")
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	defer func() { stop(); <-ended }()

	eventually(t, "the old rooms", node.Reads.Resident)
	if n := l1.Len(); n != oldRooms {
		t.Errorf("%d rooms in memory, want %d", n, oldRooms)
	}
	eventually(t, "the live list", func() bool { _, err := node.Reads.LiveIDs(); return err == nil })
	if err := node.Ready(); err == nil || !strings.Contains(err.Error(), "caught up") {
		t.Errorf("nobody knows what happened while it was away, and it says %v", err)
	}
	b.reached.Store(true)
	eventually(t, "ready", func() bool { return node.Ready() == nil })
	for id := ident.RoomID(oldRooms + 1); id <= oldRooms+newRooms; id++ {
		if _, ok := node.Reads.Lookup(id); !ok {
			t.Fatalf("ready without room %s, which was made while it was away", id)
		}
	}
	b.reached.Store(false) // what it holds it may serve
	if err := node.Ready(); err != nil {
		t.Errorf("B is gone: %v", err)
	}
}

// engines are a room_c with old rooms, one in ten on air, and a B that has made others since.
func engines(t *testing.T) (*sqlitestore.Rooms, *sqlitestore.Views) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	rooms, err := sqlitestore.OpenRooms(filepath.Join(dir, "room_b.db"))
	must(err)
	t.Cleanup(func() { must(rooms.Close()) })
	views, err := sqlitestore.OpenViews(filepath.Join(dir, "room_c.db"))
	must(err)
	t.Cleanup(func() { must(views.Close()) })
	batch := project.Batch{Position: &project.Position{Epoch: rooms.Epoch(), Complete: true}}
	for id := ident.RoomID(1); id <= oldRooms; id++ {
		c := view.RoomCard{ID: id, AnchorID: 7, Version: 1, Title: "an old room"}
		if id%10 == 0 {
			c.Live = view.LiveState{Status: view.Live, StartedAt: time.UnixMilli(int64(id)).UTC()}
		}
		batch.Cards = append(batch.Cards, c)
	}
	_, err = views.Write(t.Context(), batch)
	must(err)
	must(rooms.Write(t.Context(), func(tx command.Tx) error {
		for id := ident.RoomID(oldRooms + 1); id <= oldRooms+newRooms; id++ {
			r, err := room.Create(room.By{Now: time.Now().UTC(), Actor: "test"}, id, 7, room.Description{Title: "a new room"})
			if err != nil {
				return err
			}
			if err := tx.SaveRoom("xanchor", r); err != nil {
				return err
			}
		}
		return nil
	}))
	return rooms, views
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
