package follow_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// TestWeather: whatever the projector writes, in whichever order and between whichever faults, the audience ends equal to
// room_c, is told each row of the feed once and in order, never sees a room go back, and nothing passes for
// fresher than it is.
func TestWeather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubble{t}, runWeather)
	})
}

// bubble hides the test's deadline, which nobody may ask for in a bubble.
type bubble struct{ rapid.TB }

func runWeather(t *rapid.T) {
	s := newScene()
	s.fatal = t
	dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	percent := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
	fails, losesNews := percent("store fails %", 40), percent("news lost %", 100)
	s.news.Lose = func() bool { return dice.IntN(100) < losesNews }
	meddles := percent("between two reads %", 30)
	s.between = func(string) {
		if dice.IntN(100) < meddles {
			s.step(func(_ string, most int) int { return dice.IntN(most + 1) })
		}
	}
	s.breaks(func(string) error {
		if dice.IntN(100) < fails {
			return errDown
		}
		return nil
	})
	s.page = rapid.IntRange(1, 5).Draw(t, "page")
	s.reset()
	s.fill()
	stop := s.run()
	defer func() { stop() }()
	s.pass(time.Duration(rapid.IntRange(0, 500).Draw(t, "head start")) * time.Millisecond)
	draw := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		s.acts(func() { s.step(draw) })
		if rapid.Bool().Draw(t, "pass") {
			s.pass(time.Duration(draw("ms", 150)) * time.Millisecond)
		}
		s.honest()
	}
	s.calm()
}

// step lets something happen to the log, to room_c, or on the way.
func (s *scene) step(draw func(name string, most int) int) {
	room := func() ident.RoomID { return ident.RoomID(1 + draw("room", 5)) }
	switch draw("step", 21) {
	case 0, 1, 2, 3, 4:
		s.commit(room(), room())
	case 5, 6, 7, 8: // a courier brings something, not always what is next
		if m := s.missing(); len(m) > 0 {
			at := draw("first", len(m)-1)
			s.apply(m[at:min(len(m), at+3)]...)
		}
	case 9:
		if m := s.missing(); len(m) > 0 && s.full {
			s.park(m[0])
		}
	case 10, 11:
		if parked := slices.Sorted(maps.Keys(s.parked)); len(parked) > 0 {
			s.heal(parked[0])
		}
	case 12:
		s.growAreas()
	case 13:
		if s.full && len(s.parked) == 0 {
			s.rebuild()
		}
	case 14:
		s.lose()
	case 15:
		s.epoch, s.log = s.epoch+"'", nil
		s.reset()
	case 16: // room_b is put back from a backup
		s.restore(draw("kept", len(s.log)))
		s.reset()
	case 17:
		s.complete()
	case 18, 19:
		s.beat()
	case 20:
		s.witness()
	case 21:
		s.skip()
	}
}

// skip leaps over what the log no longer keeps: the feed goes on behind it, the cards come with a fill.
func (s *scene) skip() {
	if m := s.missing(); len(m) > 0 && s.full {
		for _, c := range m {
			s.stored[c.seq] = true
		}
		s.full, s.skipped = false, true
		s.write(project.Batch{})
	}
}

// complete fills a room_c that is not.
func (s *scene) complete() {
	if s.full {
		return
	}
	if at, _ := s.views.Position(context.Background()); at.Epoch == "" {
		s.reset()
	}
	s.fill()
}

// honest: what is called proven is there.
func (s *scene) honest() {
	synctest.Wait()
	s.act.Lock()
	defer s.act.Unlock()
	s.told.mu.Lock()
	defer s.told.mu.Unlock()
	at := s.f.ProvenAt()
	if at.IsZero() || s.told.epoch != s.epoch || s.doubtful {
		return // nothing is claimed, or of a log that is no more
	}
	for _, id := range s.rooms() {
		card, found := s.told.see(id)
		if _, held := s.f.Held(id); held || !found && !s.full {
			continue // that a room is missing from a room_c that was just lost, only room_c itself can know at once
		}
		if want := s.truth(id, at); card.Version < want {
			s.fatal.Errorf("room %s: version %s passes for fresh at %s, when %s was committed", id, card.Version, at.Format("05.000"), want)
		}
	}
	if seq, at := s.f.Proven(); s.f.Complete() {
		for _, c := range s.log {
			if c.at.Before(at) && c.seq > seq {
				s.fatal.Errorf("event %d was committed before %s, which is proven to have %d at most", c.seq, at.Format("05.000"), seq)
			}
		}
	}
}

// settle brings everything to room_c.
func (s *scene) settle() {
	s.between = nil
	s.complete()
	for id := range s.parked {
		s.heal(id)
	}
	s.apply(s.missing()...)
	s.growAreas()
}

// calm ends all faults; then the node must show what the log says.
func (s *scene) calm() {
	s.breaks(nil)
	s.acts(s.settle)
	s.pass(5 * time.Second)
	s.witness()
	s.pass(200 * time.Millisecond)
	s.doubtful = false
	s.honest()
	for _, id := range s.rooms() {
		s.told.mu.Lock()
		card, _ := s.told.see(id)
		s.told.mu.Unlock()
		if want := s.card(id, s.truth(id, time.Time{})); card.Checksum() != want.Checksum() {
			s.fatal.Errorf("room %s: readers find %q, the log says %q", id, card.Title, want.Title)
		}
		if _, held := s.f.Held(id); held {
			s.fatal.Errorf("room %s is still held", id)
		}
	}
	if end, _, _, _ := s.told.state(); end != s.head() {
		s.fatal.Errorf("the feed ends at %d, the log at %d", end, s.head())
	}
	if areas := s.told.tree(); s.told.leapt && !s.skipped || len(areas) == 0 || areas[0].ID != ident.AreaID(s.areas) {
		s.fatal.Errorf("leapt %t, areas %v at version %s", s.told.leapt, areas, s.areas)
	}
	if !s.f.Complete() || s.age() > 300*time.Millisecond {
		s.fatal.Errorf("complete %t, age %s", s.f.Complete(), s.age())
	}
}
