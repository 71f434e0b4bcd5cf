package command_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// slowDisk is a store whose commit takes a while, shared by all who wait for it.
type slowDisk struct {
	*memory.Rooms
	waits atomic.Int64 // commits one after the other

	mu   sync.Mutex
	next chan struct{}
}

const fsync = 10 * time.Millisecond

func (s *slowDisk) Write(ctx context.Context, unit func(command.Tx) error) error {
	err := s.Rooms.Write(ctx, unit)
	s.mu.Lock()
	if s.next == nil {
		shared := make(chan struct{})
		s.next = shared
		s.waits.Add(1)
		time.AfterFunc(fsync, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.next = nil
			close(shared)
		})
	}
	shared := s.next
	s.mu.Unlock()
	<-shared
	return err
}

func TestAMediaServerThatDiesEndsAllItsSessionsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := memory.NewRooms("storm")
		disk := &slowDisk{Rooms: b}
		anchor := command.NewAnchor(command.Config{Store: disk, IDs: ident.NewMinter(1), Clock: bubbleClock})
		const rooms = 1000
		by := room.By{Now: bubbleClock(), Actor: "test"}
		err := b.Write(t.Context(), func(tx command.Tx) error {
			for i := range ident.RoomID(rooms) {
				r, err := room.Create(by, i+1, 1, room.Description{Title: "t"})
				if err != nil {
					return err
				}
				p := room.FromSRS(fmt.Sprint(i), "")
				if err := r.GoLive(by, p, ident.SessionID(i+1), command.DefaultTerms); err != nil {
					return err
				}
				if err := tx.SaveRoom("xanchor", r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(command.DefaultTerms.Lease)
		if err := command.NewLeases(anchor, slog.New(slog.DiscardHandler)).Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		cards, err := b.Snapshots(t.Context(), 0, rooms)
		if err != nil || len(cards) != rooms {
			t.Fatal(len(cards), err)
		}
		for _, c := range cards {
			if c.Live.Status != view.Interrupted {
				t.Fatalf("room %s is %s", c.ID, c.Live.Status)
			}
		}
		if n := disk.waits.Load(); n > 20 {
			t.Errorf("%d rooms took %d commits one after the other", rooms, n)
		}
	})
}
