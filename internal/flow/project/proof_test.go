package project_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// cut takes the log away from the projector: a viewers' node far from B.
func (s *stage) cut() {
	set(s.source, &s.source.head, func(project.Head) (project.Head, error) {
		return project.Head{}, errors.New("B cannot be asked from here")
	})
}

// beat is what B's heart says, or would have said at another place or time.
func (s *stage) beat(change func(*event.Beat)) {
	s.Helper()
	h, err := s.rooms.Head(context.Background())
	s.must(err)
	b := event.Beat{Epoch: h.Epoch, Seq: h.Seq + ident.FeedSeq(h.Pending), At: time.Now()}
	if change != nil {
		change(&b)
	}
	s.must(s.p.Beat(context.Background(), b))
}

// beatFor beats as long, and returns the greatest age seen.
func (s *stage) beatFor(d time.Duration) (oldest time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		s.beat(nil)
		s.pass(250 * time.Millisecond)
		oldest = max(oldest, s.age())
	}
	return oldest
}

func (s *stage) age() time.Duration { return time.Since(s.p.ProvenAt()) }

func TestBeatsAloneProveFreshness(t *testing.T) {
	onStage(t, func(s *stage) {
		s.cut()
		s.must(s.bring(s.log(1, 2)...))
		if oldest := s.beatFor(time.Minute); oldest > 300*time.Millisecond {
			t.Errorf("with a beat every 250 ms the age reached %s", oldest)
		}
		if seq, at := s.p.Proven(); seq != 2 || !at.Equal(s.p.ProvenAt()) {
			t.Errorf("proven: %d at %s", seq, at)
		}
	})
}

func TestWithoutBeatsAndWithoutTheLogTheAgeGrows(t *testing.T) {
	onStage(t, func(s *stage) {
		s.cut()
		s.beat(nil)
		s.pass(10 * time.Second)
		if age := s.age(); age != 10*time.Second {
			t.Errorf("10 s after the last beat the age is %s", age)
		}
	})
}

func TestTheLogIsNotAskedWhileBeatsCome(t *testing.T) {
	onStage(t, func(s *stage) {
		var asked atomic.Int64
		set(s.source, &s.source.head, func(h project.Head) (project.Head, error) {
			asked.Add(1)
			return h, nil
		})
		s.beatFor(time.Minute)
		if n := asked.Swap(0); n < 11 || n > 14 {
			t.Errorf("asked %d times in a minute of beats, want once in 5 s", n)
		}
		s.pass(10 * time.Second)
		if n := asked.Load(); n < 40 {
			t.Errorf("asked %d times in 10 s without beats, want about 5 a second", n)
		}
		if age := s.age(); age > 300*time.Millisecond {
			t.Errorf("the log proves no freshness: age %s", age)
		}
	})
}

func TestABeatTellsOfALoss(t *testing.T) {
	onStage(t, func(s *stage) {
		s.beat(nil)
		s.log(1) // and nobody brings it
		s.beat(nil)
		s.pass(time.Second)
		if s.version(1) != 1 {
			t.Error("the event was not fetched")
		}
		s.converged(t)
	})
}

// Each row is a beat that came wrong: it must prove nothing that is not so.
func TestBeatsThatProveNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*event.Beat)
		want   time.Duration // the age right after it
	}{
		"of another log":          {func(b *event.Beat) { b.Epoch = "another" }, time.Second},
		"of events not here yet":  {func(b *event.Beat) { b.Seq++ }, time.Second},
		"sent before the last":    {func(b *event.Beat) { b.At = b.At.Add(-2 * time.Second) }, time.Second},
		"late, but after it":      {func(b *event.Beat) { b.At = b.At.Add(-400 * time.Millisecond) }, 400 * time.Millisecond},
		"by a clock that is fast": {func(b *event.Beat) { b.At = b.At.Add(time.Hour) }, 0},
		"of a log that went back": {func(b *event.Beat) { b.Seq-- }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				s.cut()
				s.must(s.bring(s.log(1)...))
				s.beat(nil)
				s.pass(time.Second)
				s.beat(c.change)
				if age := s.age(); age != c.want {
					t.Errorf("age %s, want %s", age, c.want)
				}
				s.pass(time.Second)
				s.beat(nil) // and does no harm to those that follow
				if age := s.age(); age != 0 {
					t.Errorf("age %s after a good beat", age)
				}
			})
		})
	}
}

func TestBeatsProveUnderALoadThatNeverPauses(t *testing.T) {
	onStage(t, func(s *stage) {
		s.cut()
		var late []event.RoomEvent
		var oldest time.Duration
		for n := range 100 {
			fresh := s.log(ident.RoomID(n%7 + 1))
			s.beat(nil) // speaks of what is brought a round later
			s.must(s.bring(late...))
			late = fresh
			s.pass(100 * time.Millisecond)
			oldest = max(oldest, s.age())
		}
		if oldest > 400*time.Millisecond {
			t.Errorf("the age reached %s although the views are 100 ms behind", oldest)
		}
	})
}

func TestNoBeatProvesViewsThatAreNotFilled(t *testing.T) {
	onStage(t, func(s *stage) {
		s.must(s.bring(s.log(1)...))
		s.quiet()
		s.fail(func(project.Batch) error { return errors.New("no") })
		s.views.Lose()
		s.pass(time.Second)
		before := s.p.ProvenAt()
		s.beat(nil)
		s.beat(func(b *event.Beat) { b.Seq = 0 })
		if s.p.Complete() || s.p.ProvenAt() != before {
			t.Errorf("complete %t, proven at %s by a beat, before it at %s", s.p.Complete(), s.p.ProvenAt(), before)
		}
	})
}
