package soon_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/soon"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// scene is a board in front of a room_c, at a time that the test moves.
type scene struct {
	*testing.T
	*memory.Views
	board *soon.Board
	now   time.Time
	seq   ident.FeedSeq
}

func newScene(t *testing.T) *scene {
	s := &scene{T: t, Views: memory.NewViews(), now: noon}
	s.board = soon.New(s.Views, func() time.Time { return s.now }, slog.New(slog.DiscardHandler))
	return s
}

// in is a broadcast of a plan so many minutes after noon.
func in(plan ident.PlanID, minutes int) view.Occurrence {
	start := noon.Add(time.Duration(minutes) * time.Minute)
	return view.Occurrence{Plan: plan, Title: fmt.Sprint("plan ", plan), Original: start.Format(view.WallClock), Start: start, End: start.Add(time.Hour)}
}

// tell writes what the event of a schedule brings to room_c.
func (s *scene) tell(id ident.RoomID, state view.ControlState, epoch string, told ...view.Occurrence) {
	s.Helper()
	s.seq++
	card := view.RoomCard{ID: id, Version: ident.Version(s.seq), Control: view.Control{State: state}}
	_, err := s.Write(s.Context(), project.Batch{Cards: []view.RoomCard{card}, Position: &project.Position{Epoch: epoch, Contiguous: s.seq},
		Feed: []project.FeedRow{{Seq: s.seq, Room: id, Version: card.Version, JSON: []byte("{}"), Detail: &view.Detail{Schedule: &view.Schedule{Soon: told}}}}})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) look() {
	s.Helper()
	if err := s.board.Look(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// want compares the list with rooms and minutes after noon.
func (s *scene) want(want ...string) {
	s.Helper()
	page, more := s.board.List(view.Upcoming{}, 100)
	var got []string
	for _, o := range page {
		got = append(got, fmt.Sprintf("%d/%d at %d", o.Room, o.Plan, int(o.Start.Sub(noon).Minutes())))
	}
	if !slices.Equal(got, want) || more {
		s.Errorf("listed %q (more %v), want %q", got, more, want)
	}
}

func TestWhatBeginsSoonIsListedUntilItBegins(t *testing.T) {
	s := newScene(t)
	s.want()
	s.tell(1, view.Normal, "e", in(1, 15), in(2, 30))
	s.tell(2, view.Warned, "e", in(3, 20))
	s.tell(3, view.Hidden, "e", in(4, 10))
	s.tell(4, view.Locked, "e", in(5, 10))
	s.look()
	s.want("1/1 at 15", "2/3 at 20", "1/2 at 30")
	s.now = noon.Add(15 * time.Minute) // it begins now, and no look has seen it
	s.want("2/3 at 20", "1/2 at 30")
	s.tell(3, view.Normal, "e", in(4, 40)) // shown again, and moved
	s.tell(2, view.Normal, "e")            // cancelled
	s.look()
	s.want("1/2 at 30", "3/4 at 40")
}

func TestPagesGoOnBehindTheLastOne(t *testing.T) {
	s := newScene(t)
	for id := range ident.RoomID(5) {
		s.tell(id+1, view.Normal, "e", in(1, 15+int(id%2)))
	}
	s.look()
	var got []ident.RoomID
	last, more := view.Upcoming{}, true
	for more {
		var page []view.Upcoming
		if page, more = s.board.List(last, 2); len(page) == 0 {
			t.Fatal("an empty page")
		}
		for _, o := range page {
			got = append(got, o.Room)
		}
		last = page[len(page)-1]
		s.tell(last.Room, view.Normal, "e") // it goes away, and the next page does not mind
		s.look()
	}
	if want := []ident.RoomID{1, 3, 5, 2, 4}; !slices.Equal(got, want) {
		t.Errorf("crawled %v, want %v", got, want)
	}
}

func TestABoardBeginsAnewWithItsRoomC(t *testing.T) {
	s := newScene(t)
	s.tell(1, view.Normal, "e", in(1, 15))
	s.look()
	s.Lose()
	if _, err := s.Reopen(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.seq = 0
	s.tell(2, view.Normal, "another", in(2, 20))
	s.look()
	s.want("2/2 at 20")
	again := soon.New(s.Views, func() time.Time { return s.now }, slog.New(slog.DiscardHandler)) // a node that starts
	s.board = again
	s.look()
	s.want("2/2 at 20")
}

// gone is a room_c that cannot be read while it is away.
type gone struct {
	*memory.Views
	away atomic.Bool
}

func (g *gone) Position(ctx context.Context) (project.Position, error) {
	if g.away.Load() {
		return project.Position{}, errors.New("away")
	}
	return g.Views.Position(ctx)
}

func TestTheListStaysWhileRoomCIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.tell(1, view.Normal, "e", in(1, 15))
		store := &gone{Views: s.Views}
		s.board = soon.New(store, func() time.Time { return s.now }, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.board.Run(ctx) }()
		synctest.Wait()
		s.want("1/1 at 15")
		store.away.Store(true)
		pass(3 * time.Second)
		s.want("1/1 at 15")
		store.away.Store(false)
		s.tell(2, view.Normal, "e", in(2, 20))
		pass(3 * time.Second)
		s.want("1/1 at 15", "2/2 at 20")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// pass lets time go by in a bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
