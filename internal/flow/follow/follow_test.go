package follow_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

func TestWithoutNewsItLooks(t *testing.T) {
	onScene(t, func(s *scene) {
		s.news.Lose = func() bool { return true }
		s.commit(1)
		s.apply(s.missing()...)
		s.pass(100 * time.Millisecond)
		if v := s.told.resident(1); v != 1 {
			t.Errorf("after 100 ms without news the node has version %s", v)
		}
	})
}

func TestNewsAreWorthALook(t *testing.T) {
	onScene(t, func(s *scene) {
		for range 20 {
			s.commit(1)
			s.apply(s.missing()...)
			s.pass(2 * time.Millisecond)
			if v := s.told.resident(1); v != s.truth(1, time.Time{}) {
				t.Fatalf("2 ms after the news the node has version %s", v)
			}
		}
	})
}

func TestAStormOfNewsIsFewLooks(t *testing.T) {
	onScene(t, func(s *scene) {
		before := s.looks.Load()
		for range 10_000 {
			s.news.Tell()
			s.pass(10 * time.Microsecond)
		}
		if n := s.looks.Load() - before; n > 51 {
			t.Errorf("%d looks in 100 ms", n)
		}
	})
}

func TestAVisibleEventIsObserved(t *testing.T) {
	onScene(t, func(s *scene) {
		s.commit(7)
		committed := time.Now()
		s.pass(time.Second)
		s.apply(s.missing()...)
		s.pass(10 * time.Millisecond)
		if len(s.visible) != 1 {
			t.Fatalf("observed %+v", s.visible)
		}
		p := s.visible[0]
		if e := p.Event; p.Station != station.Visible || p.Courier != station.RoomC || e.RoomID != 7 || e.Version != 1 || e.FeedSeq != 1 ||
			!e.CommittedAt.Equal(committed.Truncate(time.Millisecond)) || p.At.Sub(committed) < time.Second {
			t.Errorf("observed %+v of %+v", p, e)
		}
	})
}

func TestRoomCThatIsGoneIsWaitedFor(t *testing.T) {
	onScene(t, func(s *scene) {
		s.commit(1)
		s.apply(s.missing()...)
		s.witness()
		s.pass(time.Second)
		s.breaks(func(string) error { return errDown })
		before := s.looks.Load()
		s.pass(time.Minute)
		if n := s.looks.Load() - before; n < 30 || n > 60 {
			t.Errorf("%d looks in a minute at a room_c that is down", n)
		}
		if age := s.age(); age < time.Minute || s.told.resident(1) != 1 || !s.f.Complete() {
			t.Errorf("age %s, version %s, complete %t", age, s.told.resident(1), s.f.Complete())
		}
		s.breaks(nil)
		s.commit(1)
		s.apply(s.missing()...)
		s.witness()
		s.pass(2100 * time.Millisecond)
		if v := s.told.resident(1); v != 2 || s.age() > 2200*time.Millisecond {
			t.Errorf("back again the node has version %s, age %s", v, s.age())
		}
	})
}

// distant is a room_c that has written much since it was looked at first.
type distant struct {
	looked bool
	seq    ident.FeedSeq
	cards  int64
}

func (d *distant) Standing(context.Context) (s follow.Standing, _ error) {
	s.Epoch, s.Complete = "e1", true
	if d.looked {
		s.Write, s.Contiguous = d.cards, d.seq
	}
	d.looked = true
	return s, nil
}

func (d *distant) Since(ctx context.Context, after follow.Mark, limit int) (follow.Delta, error) {
	s, _ := d.Standing(ctx)
	out := follow.Delta{Standing: s, To: after}
	for ; out.To.Write < s.Write && len(out.Cards) < limit; out.To.Write++ {
		out.Cards = append(out.Cards, view.RoomCard{ID: ident.RoomID(out.To.Write + 1), Version: 1})
	}
	for ; out.To.Write == s.Write && out.To.Seq < s.Contiguous && len(out.Feed) < limit; out.To.Seq++ {
		out.Feed = append(out.Feed, project.FeedRow{Seq: out.To.Seq + 1})
	}
	out.More = out.To != follow.Mark{Write: s.Write, Seq: s.Contiguous}
	return out, nil
}

func (d *distant) Held(context.Context) (map[ident.RoomID]time.Time, error) { return nil, nil }

// counted is an audience that counts.
type counted struct {
	cards, rows, largest int
	end, before          ident.FeedSeq
	early                bool // the feed moved before all cards were told
}

func (c *counted) Changed(x project.Change) {
	c.cards, c.rows, c.largest = c.cards+len(x.Cards), c.rows+len(x.Feed), max(c.largest, len(x.Cards), len(x.Feed))
	c.early = c.early || x.Contiguous > 0 && c.cards < 2000
	if len(x.Feed) > 0 && c.before == 0 {
		c.before = x.Feed[0].Seq - 1
	}
	c.end = x.Contiguous
}

// Away for so long that memory would not hold what was missed: it comes in pages, of the feed only what memory holds.
func TestAwayForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told counted
		f := follow.New(follow.Config{Store: &distant{seq: 1_000_000, cards: 2000}, Audience: &told, Logger: discard})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
		if told.cards != 2000 || told.rows != 1<<16 || told.before != 1_000_000-1<<16 || told.end != 1_000_000 || told.largest != 512 || told.early {
			t.Errorf("told %+v", told)
		}
	})
}

func TestWhatRoomCHeldAtTheStartIsVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		s.fatal = t
		s.reset()
		s.commit(1, 2, 3)
		s.fill()
		select {
		case <-s.f.Placed():
			t.Error("placed before it has looked")
		default:
		}
		defer s.run()()
		s.pass(10 * time.Millisecond)
		<-s.f.Placed()
		if end, rows, resets, _ := s.told.state(); end != 3 || rows != 0 || resets != 1 {
			t.Errorf("begins at %d with %d rows after %d resets", end, rows, resets)
		}
	})
}

func TestNobodyHasWrittenYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		s.fatal = t
		defer s.run()()
		s.pass(time.Second)
		if _, _, _, tells := s.told.state(); tells != 0 || s.f.Complete() {
			t.Errorf("told %d times of nothing", tells)
		}
		s.reset()
		s.fill()
		s.pass(time.Second)
		if !s.f.Complete() {
			t.Error("not complete")
		}
	})
}

func TestARoomIsHeldUntilItsCardIsTold(t *testing.T) {
	onScene(t, func(s *scene) {
		s.commit(1)
		s.apply(s.missing()...)
		s.witness()
		s.pass(time.Second)
		proven := s.f.ProvenAt()
		s.commit(1)
		s.breaks(func(call string) error {
			if call == "held" {
				return errDown
			}
			return nil
		})
		s.park(s.missing()[0])
		s.witness()
		s.pass(10 * time.Second)
		if end, _, _, _ := s.told.state(); end != 1 || !s.f.ProvenAt().Equal(proven) {
			t.Errorf("the feed went on to %d, proven at %s, before it was known who is parked", end, s.f.ProvenAt())
		}
		s.breaks(nil)
		s.pass(3 * time.Second)
		if since, held := s.f.Held(1); !held || since.After(proven) {
			t.Errorf("held %t since %s, proven at %s", held, since, proven)
		}
		if end, _, _, _ := s.told.state(); end != 2 || !s.f.ProvenAt().After(proven) {
			t.Errorf("the others do not flow on: end %d", end)
		}
		s.heal(1)
		s.pass(time.Second)
		if _, held := s.f.Held(1); held || s.told.resident(1) != 2 {
			t.Errorf("held %t at version %s", held, s.told.resident(1))
		}
	})
}

func TestARoomThatIsHealedWhileTheParkedAreListedStaysHeld(t *testing.T) {
	onScene(t, func(s *scene) {
		s.commit(1, 1, 2)
		s.apply(s.log[0])
		s.park(s.log[1])
		s.pass(time.Second)
		s.acts(func() {
			parked := false
			s.between = func(call string) {
				switch {
				case call == "since" && !parked: // the list of the look does not have it
					parked = true
					s.park(s.log[2])
				case call == "held": // the cards were read before
					s.heal(1)
					s.between = nil
					s.breaks(func(call string) error {
						if call == "held" {
							return nil
						}
						return errDown
					})
				}
			}
			s.growAreas()
		})
		s.pass(150 * time.Millisecond)
		if _, held := s.f.Held(1); !held || s.told.resident(1) != 1 {
			t.Errorf("held %t at version %s", held, s.told.resident(1))
		}
	})
}

// Each row is what may happen to room_c, and what becomes of readers' memory and of places in the feed.
func TestAnotherRoomC(t *testing.T) {
	for name, c := range map[string]struct {
		happens  func(*scene)
		resets   int
		resident ident.Version // of room 1 at once
		first    ident.FeedSeq // where the feed began at the newest reset
	}{
		"a rebuild's switch":      {func(s *scene) { s.rebuild() }, 2, 0, 3},
		"lost, and being filled":  {func(s *scene) { s.lose(); s.reset() }, 1, 2, 0},
		"lost, and filled":        {func(s *scene) { s.lose(); s.reset(); s.pass(time.Second); s.fill() }, 2, 0, 3},
		"lost and filled between": {func(s *scene) { s.lose(); s.reset(); s.fill() }, 2, 0, 3},
		"another log":             {func(s *scene) { s.epoch, s.log = "e2", nil; s.reset() }, 2, 0, 0},
		"a backup, and beats say so": {func(s *scene) {
			s.pass(time.Second)
			s.restore(2)
			s.beat()
			s.reset()
			s.pass(time.Second)
			s.fill()
		}, 2, 2, 0},
		"a backup, and nobody says so": {func(s *scene) { s.restore(2); s.reset(); s.pass(time.Second); s.fill(); s.witness() }, 2, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			onScene(t, func(s *scene) {
				s.commit(1, 1, 1)
				s.apply(s.missing()...)
				s.beat()
				s.pass(time.Second)
				s.beat()
				if s.told.resident(1) != 3 {
					t.Fatal("the node does not follow")
				}
				c.happens(s)
				s.pass(time.Second)
				_, _, resets, _ := s.told.state()
				if v := s.told.resident(1); resets != c.resets || s.told.first != c.first && resets > 1 || v != c.resident && resets > 1 || resets == 1 && v != 3 {
					t.Errorf("%d resets, the feed begins at %d, room 1 is at version %s", resets, s.told.first, v)
				}
			})
		})
	}
}

func TestAFailoverThatLacksTransactionsTakesNothingBack(t *testing.T) {
	onScene(t, func(s *scene) {
		replica := memory.NewViews()
		s.must(replica.Reset(context.Background(), project.Position{Epoch: "e1", Complete: true}))
		s.commit(1, 1)
		s.apply(s.log[0])
		_, err := replica.Write(context.Background(), project.Batch{Cards: []view.RoomCard{s.card(1, 1)},
			Position: &project.Position{Epoch: "e1", Contiguous: 1, Complete: true}})
		s.must(err)
		s.apply(s.log[1])
		s.beat()
		s.pass(time.Second)
		if s.f.ProvenAt().IsZero() {
			t.Fatal("nothing is proven")
		}
		s.fail(replica)
		s.pass(time.Second)
		s.beat() // claims what was lost
		if _, _, resets, _ := s.told.state(); resets != 1 || s.told.version(1) != 2 {
			t.Errorf("%d resets, version %s", resets, s.told.version(1))
		}
		if s.f.Complete() || !s.f.ProvenAt().IsZero() {
			t.Errorf("complete %t, proven at %s, and other rooms are read as they were", s.f.Complete(), s.f.ProvenAt())
		}
		s.at = 1
		s.apply(s.log[1]) // the projector brings it again
		s.pass(time.Second)
		s.beat()
		if end, _, resets, _ := s.told.state(); resets != 2 || end != 2 || s.told.version(1) != 2 || s.f.ProvenAt().IsZero() {
			t.Errorf("%d resets, end %d, version %s, proven at %s", resets, end, s.told.version(1), s.f.ProvenAt())
		}
	})
}

func TestBeatsAreHeldAgainstWhatWasTold(t *testing.T) {
	onScene(t, func(s *scene) {
		s.breaks(func(string) error { return errDown })
		s.pass(time.Second)
		s.commit(1)
		s.apply(s.missing()...) // room_c has it, the node has not
		s.f.Beat(event.Beat{Epoch: "e1", Seq: 0, At: time.Now().Add(time.Hour)})
		if s.age() != 0 {
			t.Errorf("age %s: a beat by a clock that is fast proves this moment", s.age())
		}
		s.pass(time.Second)
		s.beat()
		if s.age() != time.Second {
			t.Errorf("age %s: proven by what only room_c has", s.age())
		}
		s.breaks(nil)
		s.pass(5 * time.Second)
		if seq, at := s.f.Proven(); seq != 1 || at.Before(time.Now().Add(-6100*time.Millisecond)) {
			t.Errorf("proven %d at %s", seq, at)
		}
	})
}

func TestTheWitnessProvesWithoutBeats(t *testing.T) {
	onScene(t, func(s *scene) {
		s.commit(1)
		s.apply(s.missing()...)
		s.witness()
		left := time.Now()
		s.pass(time.Second)
		if seq, at := s.f.Proven(); seq != 1 || !at.Equal(left.Truncate(time.Millisecond)) {
			t.Errorf("proven %d at %s, left at %s", seq, at, left)
		}
	})
}

func TestAWitnessWhoseClockRunsAheadDoesNotStopTheAge(t *testing.T) {
	onScene(t, func(s *scene) {
		s.commit(1)
		s.apply(s.missing()...)
		s.must(s.views.Prove(t.Context(), proof.Claim{Seq: s.at, At: time.Now().Add(time.Hour)}))
		s.pass(10 * time.Second) // the projector is dead, and nobody beats
		if s.age() < 9*time.Second || s.age() > 10*time.Second {
			t.Errorf("what was proven ten seconds ago is %s old", s.age())
		}
	})
}

func TestDrained(t *testing.T) {
	onScene(t, func(s *scene) {
		for _, drained := range []bool{true, false} {
			s.must(s.views.Drain(context.Background(), drained))
			s.pass(100 * time.Millisecond)
			if s.f.Drained() != drained {
				t.Errorf("drained: %t", s.f.Drained())
			}
		}
	})
}

// witness is the projector and its room_c as a keeper knows them.
type witness struct {
	mu     sync.Mutex
	proven proof.Claim
	left   []proof.Claim
	fail   error
}

func (w *witness) Proven() (ident.FeedSeq, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proven.Seq, w.proven.At
}

func (w *witness) Prove(_ context.Context, c proof.Claim) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail == nil {
		w.left = append(w.left, c)
	}
	return w.fail
}

// prove lets the projector prove something new, and room_c answer so; it returns what the keeper has left there a second later.
func (w *witness) prove(seq ident.FeedSeq, answer error) []proof.Claim {
	w.mu.Lock()
	w.proven, w.fail = proof.Claim{Seq: seq, At: time.Now()}, answer
	w.mu.Unlock()
	<-time.After(time.Second)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.left)
}

func TestTheKeeperLeavesWhatMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w witness
		k := follow.WitnessKeeper{Witness: &w, Proven: w.Proven, Logger: discard}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		<-time.After(time.Second)
		start := time.Now()
		if left := w.prove(7, nil); len(left) != 1 || left[0] != (proof.Claim{Seq: 7, At: start}) {
			t.Errorf("left %v", left)
		}
		if left := w.prove(8, fault.NotLeader.New("another is")); len(left) != 1 {
			t.Errorf("left %v", left)
		}
		if left := w.prove(9, nil); len(left) != 2 || left[1].Seq != 9 {
			t.Errorf("left %v after a failure", left)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// deaf is news that cannot be heard.
type deaf struct{ tries int }

func (d *deaf) Tell() {}

func (d *deaf) Hear(context.Context, func()) error { d.tries++; return errors.New("no broker") }

func TestADeafNodeFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := newScene(), &deaf{}
		s.fatal = t
		s.f = follow.New(follow.Config{Store: s.views, Audience: &s.told, News: d, Logger: discard})
		s.reset()
		s.fill()
		defer s.run()()
		s.pass(10 * time.Second)
		if !s.f.Complete() || d.tries < 3 {
			t.Errorf("complete %t, %d tries to hear", s.f.Complete(), d.tries)
		}
	})
}

func TestTheNudgeTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene()
		heard := 0
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = s.news.Hear(ctx, func() { heard++ }) }()
		synctest.Wait()
		follow.Nudge{News: &s.news}.Changed(project.Change{})
		if heard != 1 {
			t.Errorf("heard %d words", heard)
		}
	})
}
