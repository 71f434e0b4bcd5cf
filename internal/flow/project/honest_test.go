package project_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// These tests are about what the projector may claim: that views are complete, and when they were fresh.

// lateSource is a room_b whose state transfer can be held back or made to fail.
type lateSource struct {
	*memory.Rooms
	mu   sync.Mutex
	fail error
}

func (s *lateSource) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *lateSource) failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fail
}

func (s *lateSource) Snapshots(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	if err := s.failing(); err != nil {
		return nil, err
	}
	return s.Rooms.Snapshots(ctx, after, limit)
}

func (s *lateSource) Snapshot(ctx context.Context, id ident.RoomID) (view.RoomCard, bool, error) {
	if err := s.failing(); err != nil {
		return view.RoomCard{}, false, err
	}
	return s.Rooms.Snapshot(ctx, id)
}

// told is an audience that remembers only what it may keep.
type told struct{ resets int }

func (a *told) Changed(c project.Change) {
	if c.Reset {
		a.resets++
	}
}

func newHonest(source project.Source, views project.Views, audience project.Audience, observer station.Observer) *project.Projector {
	return project.New(project.Config{Views: views, Source: source, Audience: audience, Observer: observer, Logger: slog.New(slog.DiscardHandler)})
}

// write commits one title of a room and sequences it.
func write(t *testing.T, b *memory.Rooms, id ident.RoomID, title string) {
	t.Helper()
	by := room.By{Now: time.Now().UTC(), Actor: "test"}
	err := b.Write(t.Context(), func(tx command.Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			if r, err = room.Create(by, id, 1, room.Description{Title: title}); err != nil {
				return err
			}
		} else if err := r.Edit(by, room.Patch{Title: &title}); err != nil {
			return err
		}
		return tx.SaveRoom("xanchor", r)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Sequence(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
}

// running runs p for a while.
func running(t *testing.T, p *project.Projector, during func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { _ = p.Run(ctx) })
	time.Sleep(5 * time.Second) // of the bubble
	synctest.Wait()
	during()
	stop()
	done.Wait()
}

func titleOf(t *testing.T, views *memory.Views, id ident.RoomID) string {
	t.Helper()
	cards, err := views.Cards(t.Context(), []ident.RoomID{id})
	if err != nil || len(cards) != 1 {
		t.Fatalf("%v, %v", cards, err)
	}
	return cards[0].Title
}

func TestALogThatWasPutBackFromABackupIsTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		views := memory.NewViews()
		after := memory.NewRooms("one log")
		for _, title := range []string{"kept", "lost 1", "lost 2", "lost 3"} {
			write(t, after, 1, title)
		}
		running(t, newHonest(after, views, &told{}, nil), func() {
			if got := titleOf(t, views, 1); got != "lost 3" {
				t.Fatalf("the view shows %q", got)
			}
		})
		backup := memory.NewRooms("one log")
		write(t, backup, 1, "kept")
		write(t, backup, 1, "new")
		audience := &told{}
		p := newHonest(backup, views, audience, nil)
		running(t, p, func() {
			if got := titleOf(t, views, 1); got != "new" {
				t.Errorf("the view shows %q, room_b has %q", got, "new")
			}
			if p.At().Contiguous != 2 || audience.resets != 1 {
				t.Errorf("the views are at %+v after %d resets", p.At(), audience.resets)
			}
		})
	})
}

func TestViewsThatMissWhatTheLogForgotClaimNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, views := memory.NewRooms("one log"), memory.NewViews()
		write(t, b, 1, "old")
		running(t, newHonest(b, views, &told{}, nil), func() {})

		write(t, b, 1, "forgotten")
		write(t, b, 2, "kept")
		if _, err := b.Prune(t.Context(), time.Now().Add(time.Hour), time.Now()); err != nil {
			t.Fatal(err)
		}
		source := &lateSource{Rooms: b}
		source.refuse(errors.New("no state transfer now"))
		p := newHonest(source, views, &told{}, nil)
		running(t, p, func() {
			if titleOf(t, views, 1) != "old" {
				t.Fatal("there was a state transfer")
			}
			if p.Complete() || !p.ProvenAt().IsZero() {
				t.Errorf("complete %t, proven at %s, while room 1 is old", p.Complete(), p.ProvenAt())
			}
			source.refuse(nil)
			time.Sleep(5 * time.Second)
			if !p.Complete() || time.Since(p.ProvenAt()) > time.Second || titleOf(t, views, 1) != "forgotten" {
				t.Errorf("not healed: complete %t, proven at %s, %q", p.Complete(), p.ProvenAt(), titleOf(t, views, 1))
			}
		})
	})
}

// heard is an observer of passages.
type heard struct {
	mu   sync.Mutex
	list []station.Passage
}

func (h *heard) Passed(p station.Passage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, p)
}

func TestBytesThatAreNoEventPassNoStation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, views, observer := memory.NewRooms("one log"), memory.NewViews(), &heard{}
		p := newHonest(b, views, &told{}, observer)
		running(t, p, func() {
			garbage := project.Delivery{Courier: station.Queue, Room: 7, Raw: []byte("?"), Unreadable: errors.New("no event"), Event: event.RoomEvent{}}
			if err := p.Apply(t.Context(), []project.Delivery{garbage}); err != nil {
				t.Fatal(err)
			}
			if len(observer.list) != 0 {
				t.Errorf("passed: %+v", observer.list)
			}
		})
	})
}

func TestAParkedRoomIsNotFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, views := memory.NewRooms("one log"), memory.NewViews()
		write(t, b, 1, "old")
		source := &lateSource{Rooms: b}
		p := newHonest(source, views, &told{}, nil)
		running(t, p, func() {
			source.refuse(errors.New("no state transfer now"))
			garbage := project.Delivery{Courier: station.Queue, Room: 1, Raw: []byte("?"), Unreadable: errors.New("no event")}
			if err := p.Apply(t.Context(), []project.Delivery{garbage}); err != nil {
				t.Fatal(err)
			}
			parkedAt := time.Now()
			write(t, b, 1, "new")
			write(t, b, 2, "another")
			time.Sleep(10 * time.Second)
			if time.Since(p.ProvenAt()) > time.Second || titleOf(t, views, 1) != "old" {
				t.Fatalf("proven at %s, room 1 is %q", p.ProvenAt(), titleOf(t, views, 1))
			}
			if since, parked := p.Held(1); !parked || since.After(parkedAt) {
				t.Errorf("room 1: parked %t, since %s", parked, since)
			}
			if _, parked := p.Held(2); parked {
				t.Error("room 2 is held for room 1")
			}
			source.refuse(nil)
			time.Sleep(time.Minute)
			if _, parked := p.Held(1); parked || titleOf(t, views, 1) != "new" {
				t.Errorf("room 1 is %q, parked %t, after the transfer", titleOf(t, views, 1), parked)
			}
		})
	})
}
