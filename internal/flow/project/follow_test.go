package project_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

func TestGapPullsTheState(t *testing.T) {
	onStage(t, func(s *stage) {
		events := s.log(1, 1, 1, 1)
		s.must(s.bring(events[0]))
		s.must(s.bring(events[2])) // 2 is missing, and B is at 4 by now
		if s.counted("gap") != 1 || s.version(1) != 4 {
			t.Errorf("%d gaps, the room at %s, want 1 gap and B's state, 4", s.counted("gap"), s.version(1))
		}
		s.must(s.bring(events[1], events[3], events[3]))
		if n := s.counted("duplicate"); n < 3 { // the log's follower may have brought some at the same moment
			t.Errorf("%d duplicates, want at least 3", n)
		}
		s.converged(t)
	})
}

// TestDirectBeforeQueue: the direct courier's event has no place in the feed yet; the queue's fills it.
func TestDirectBeforeQueue(t *testing.T) {
	onStage(t, func(s *stage) {
		s.must(s.p.Push(context.Background(), s.edit(1)))
		if s.version(1) != 1 || len(s.feed()) != 0 {
			t.Errorf("the room is at %s, the feed has %d lines", s.version(1), len(s.feed()))
		}
		s.must(s.bring(s.sequence()...))
		s.converged(t)
	})
}

// TestNobodyBrings: without any courier the log's followers are no later than a few looks.
func TestNobodyBrings(t *testing.T) {
	onStage(t, func(s *stage) {
		s.log(1, 2, 3, 1)
		s.pass(time.Second)
		s.converged(t)
		if s.counted("catch-up") != 4 {
			t.Errorf("%d events were caught up, want 4", s.counted("catch-up"))
		}
	})
}

// TestAnotherLog: events of another epoch change nothing; when B itself has another log, the views begin anew.
func TestAnotherLog(t *testing.T) {
	onStage(t, func(s *stage) {
		events := s.log(1, 2)
		s.must(s.bring(events...))
		foreign := events[0]
		foreign.Epoch, foreign.Version, foreign.PrevVersion, foreign.FeedSeq = "e0", 9, 8, 3
		foreign.Snapshot.Version = 9
		foreign.Checksum = foreign.Sum()
		s.must(s.bring(foreign))
		s.quiet()
		s.converged(t)

		other := memory.NewRooms("e2")
		set(s.source, &s.source.Rooms, other)
		s.rooms = other
		s.edit(5)
		s.sequence()
		s.quiet()
		if at := s.p.At(); at.Epoch != "e2" || at.Contiguous != 1 || !at.Complete {
			t.Errorf("the position is %+v, want that of the new log", at)
		}
		if s.version(1) != 0 || s.version(5) != 1 {
			t.Errorf("the old log's room is at %s, the new one's at %s", s.version(1), s.version(5))
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		resets := 0
		for _, c := range s.changes {
			if c.Reset {
				resets++
			}
		}
		if resets != 2 { // the first fill, and the other log
			t.Errorf("the audience was told of %d resets", resets)
		}
	})
}

// TestLogForgot: away longer than the log keeps, the views come by state transfer and the feed goes on where the log begins.
func TestLogForgot(t *testing.T) {
	onStage(t, func(s *stage) {
		s.must(s.bring(s.log(1, 2)...))
		s.stop()
		s.log(1, 2, 3, 4, 1)
		if _, err := s.rooms.Prune(context.Background(), time.Now().Add(time.Hour), time.Now()); err != nil {
			t.Fatal(err)
		}
		s.restart()
		s.quiet()
		for id, want := range map[ident.RoomID]ident.Version{1: 3, 2: 2, 3: 1, 4: 1} {
			if got := s.version(id); got != want {
				t.Errorf("room %s is at %s, want %s", id, got, want)
			}
		}
		feed := s.feed()
		if at := s.p.At(); at.Contiguous != 7 || !at.Complete || len(feed) != 1 || feed[0].Seq != 7 { // none before the hole
			t.Errorf("the position is %+v, the feed %+v", at, feed)
		}
	})
}

// TestLostViewsWhoseResetFails: an empty store in the place of a lost one does not pass for a full one.
func TestLostViewsWhoseResetFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		stubborn := &stubbornViews{Views: s.views}
		s.store = stubborn
		defer func() { s.stop() }()
		s.restart()
		s.quiet()
		s.must(s.bring(s.log(1, 2)...))
		stubborn.refusals.Store(3)
		s.views.Lose()
		s.quiet()
		if stubborn.refusals.Load() >= 0 {
			t.Fatal("nobody tried to reset")
		}
		s.converged(t)
	})
}

// stubbornViews refuse to be reset a few times.
type stubbornViews struct {
	*memory.Views
	refusals atomic.Int32
}

func (v *stubbornViews) Reset(ctx context.Context, p project.Position) error {
	if v.refusals.Add(-1) >= 0 {
		return fault.StoreUnavailable.New("locked")
	}
	return v.Views.Reset(ctx, p)
}

func TestBeforeTheLogIsKnown(t *testing.T) {
	s := newStage(t)
	s.p = project.New(project.Config{Views: s.views, Source: s.source, Audience: s})
	if err := s.bring(s.log(1)...); !errors.Is(err, fault.NotReady) {
		t.Errorf("an event before the first look: %v, want NOT_READY so that it comes again", err)
	}
	if s.p.Complete() || !s.p.ProvenAt().IsZero() {
		t.Error("a projector that never looked claims to know something")
	}
}

// TestFreshness: what is proven is what was committed at the moment the log was asked.
func TestFreshness(t *testing.T) {
	onStage(t, func(s *stage) {
		age := func() time.Duration { return time.Since(s.p.ProvenAt()) }
		if age() > time.Second {
			t.Fatalf("in peace nothing was proven for %s", age())
		}
		s.edit(1) // committed, not sequenced, and brought by nobody
		committed := time.Now()
		s.pass(5 * time.Second)
		if proven := s.p.ProvenAt(); proven.After(committed) {
			t.Errorf("a commit that is not visible yet was proven to be, %s after it", proven.Sub(committed))
		}
		s.must(s.bring(s.sequence()...))
		s.pass(time.Second)
		if age() > time.Second {
			t.Errorf("after all was applied nothing was proven for %s", age())
		}
	})
}

// TestFreshnessUnderLoad: events are always under way, and proofs are made all the same.
func TestFreshnessUnderLoad(t *testing.T) {
	onStage(t, func(s *stage) {
		var late []event.RoomEvent // brought one round later: never is everything visible
		for range 200 {
			next := s.log(1, 2)
			s.must(s.bring(late...))
			late = next
			s.pass(30 * time.Millisecond)
			if age := time.Since(s.p.ProvenAt()); age > time.Second {
				t.Fatalf("under load nothing was proven for %s", age)
			}
			if proven := s.p.ProvenAt(); proven.After(late[0].CommittedAt) {
				t.Fatalf("proven at %s, while an event of %s is not applied", proven, late[0].CommittedAt)
			}
		}
	})
}

// TestFreshnessEndsWithTheSource: nothing is proven by one's own memory.
func TestFreshnessEndsWithTheSource(t *testing.T) {
	onStage(t, func(s *stage) {
		set(s.source, &s.source.head, func(h project.Head) (project.Head, error) { return h, errors.New("away") })
		gone := time.Now()
		s.must(s.bring(s.log(1, 2)...)) // the couriers still work
		s.pass(10 * time.Second)
		if proven := s.p.ProvenAt(); proven.After(gone) {
			t.Errorf("with the source gone for 10 s, proven %s after it went", proven.Sub(gone))
		}
		if s.version(1) != 1 || !s.p.Complete() {
			t.Error("the couriers' events were not applied")
		}
		set(s.source, &s.source.head, nil)
		s.pass(time.Second)
		if age := time.Since(s.p.ProvenAt()); age > time.Second {
			t.Errorf("with the source back, nothing was proven for %s", age)
		}
	})
}
