package command_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the write path on a store in memory, at a time that the test moves.
type world struct {
	*testing.T
	store  *spy
	anchor *command.Anchor

	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	w.begin(w.clock)
	t.Cleanup(func() {
		for _, err := range w.store.tooLate {
			t.Errorf("a command wrote and then failed: %v", err)
		}
	})
	return w
}

// begin makes the commands anew, on the clock given.
func (w *world) begin(clock func() time.Time) {
	w.store = &spy{Rooms: memory.NewRooms("test"), failing: map[ident.RoomID]error{}}
	w.anchor = command.NewAnchor(command.Config{Store: w.store, IDs: ident.NewMinter(1), Clock: clock})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) ctx() context.Context { return w.Context() }

// must fails the test on a fault.
func must[T any](w *world, v T, err error) T {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	return v
}

func (w *world) want(err error, code *fault.Code) {
	w.Helper()
	if !errors.Is(err, code) {
		w.Errorf("got %v, want %s", err, code.Name)
	}
}

var (
	owner = command.Meta{Caller: command.Caller{Subject: "anchor:7", Anchor: 7, Scopes: []command.Scope{command.ScopeAnchor}}}
	ops   = command.Meta{Caller: command.Caller{Subject: "ops", Scopes: []command.Scope{command.ScopeOps}}}
	media = command.Meta{Caller: command.Caller{Subject: "nginx-rtmp", Scopes: []command.Scope{command.ScopeService}}}
)

func (w *world) create(policy room.PublisherPolicy) ident.RoomID {
	w.Helper()
	r, err := w.anchor.CreateRoom(w.ctx(), owner, 0, room.Description{Title: "a room", Policy: policy})
	return must(w, r, err).ID
}

func (w *world) key(id ident.RoomID) command.NewKey {
	w.Helper()
	k, err := w.anchor.CreateKey(w.ctx(), owner, id, "camera")
	return must(w, k, err)
}

func (w *world) room(id ident.RoomID) *room.Room {
	w.Helper()
	r, err := w.anchor.GetRoom(w.ctx(), ops, id)
	return must(w, r, err)
}

func (w *world) sessions(id ident.RoomID) []room.Session {
	w.Helper()
	list, err := w.anchor.ListSessions(w.ctx(), ops, id, 0, 100)
	return must(w, list, err)
}

// events are all that were committed, of one room.
func (w *world) events(id ident.RoomID) (out []event.RoomEvent) {
	w.Helper()
	if _, err := w.store.Sequence(w.ctx(), 10_000); err != nil {
		w.Fatal(err)
	}
	log, err := w.store.After(w.ctx(), 0, 10_000)
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range log {
		if e.RoomID == id {
			out = append(out, e)
		}
	}
	return out
}

func publishing(id ident.RoomID, shown, client string) command.Publishing {
	return command.Publishing{Stream: id.String(), Key: shown, Publisher: room.FromNginxRTMP("edge", client, "127.0.0.1")}
}

func leases(w *world) *command.Leases {
	return command.NewLeases(w.anchor, slog.New(slog.DiscardHandler))
}
