package project_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// TestSchedules: whatever both couriers do to the events (repeat, reorder, delay, drop), whatever the
// store refuses, and wherever the projector is restarted, the views end equal to B and the feed has each event
// once, in order.
func TestSchedules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(bubble{t}, func(rt *rapid.T) { runSchedule(t, rt) })
	})
}

// bubble hides the test's deadline, which nobody may ask for in a bubble.
type bubble struct{ rapid.TB }

// schedule is one drawn course of things.
type schedule struct {
	*stage
	rt     *rapid.T
	bus    *memory.Bus
	direct []event.RoomEvent // committed, not yet brought by the direct courier

	mu       sync.Mutex
	refusals []bool // of the writes to come
	lost     bool   // the views were, at least once
}

func runSchedule(t *testing.T, rt *rapid.T) {
	s := &schedule{stage: newStage(t), rt: rt}
	percent := func(name string) int { return rapid.IntRange(0, 60).Draw(rt, name) }
	drop, repeat, delay, refuse := percent("drop %"), percent("repeat %"), percent("delay %"), percent("refuse %")
	happens := func(p int) bool { return rapid.IntRange(0, 99).Draw(rt, "dice") < p }
	s.bus = memory.NewBus(memory.BusConfig{Fault: func(*event.RoomEvent) (f memory.BusFault) {
		f.Drop = happens(drop)
		if happens(repeat) {
			f.Repeat = rapid.IntRange(1, 3).Draw(rt, "repeats")
		}
		if happens(delay) {
			f.Delay = time.Duration(rapid.IntRange(1, 700).Draw(rt, "ms")) * time.Millisecond
		}
		return f
	}})
	for range 40 {
		s.refusals = append(s.refusals, happens(refuse))
	}
	s.views.Fail = func(project.Batch) error { return s.refusal() }
	s.begin()
	defer func() { s.stop() }()
	for range rapid.IntRange(1, 25).Draw(rt, "steps") {
		s.step()
	}
	s.sequence()
	s.pass(20 * time.Second)
	s.converged(rt)
	s.audienceIsRight()
}

func (s *schedule) refusal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.refusals) == 0 {
		return nil
	}
	refused := s.refusals[0]
	s.refusals = s.refusals[1:]
	if refused {
		return fault.StoreUnavailable.New("locked")
	}
	return nil
}

// begin starts the projector with its queue.
func (s *schedule) begin() {
	s.restart()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	p, stop := s.p, s.stop
	go func() { defer close(done); _ = s.bus.Consume(ctx, p.Apply) }()
	s.stop = func() { cancel(); <-done; stop() }
}

func (s *schedule) step() {
	switch rapid.SampledFrom([]string{"edit", "edit", "edit", "live", "areas", "publish", "publish", "direct", "direct", "wait", "wait", "restart", "wipe", "lose"}).Draw(s.rt, "step") {
	case "edit":
		s.direct = append(s.direct, s.edit(s.room())...)
	case "live":
		s.live(s.room())
	case "areas":
		s.grow()
	case "publish":
		if s.bus.Publish(context.Background(), s.sequence()) != nil {
			s.Fatal("the broker of this test never refuses")
		}
	case "direct":
		if len(s.direct) > 0 { // some of them, in any order; a failure is nobody's loss
			list := rapid.Permutation(s.direct).Draw(s.rt, "direct")
			_ = s.p.Push(context.Background(), list[:rapid.IntRange(1, len(list)).Draw(s.rt, "n")])
		}
	case "wait":
		s.pass(time.Duration(rapid.IntRange(1, 500).Draw(s.rt, "ms")) * time.Millisecond)
	case "restart":
		s.begin()
	case "wipe":
		s.bus.Wipe()
	case "lose":
		s.lost = true
		s.views.Lose()
	}
}

func (s *schedule) room() ident.RoomID { return ident.RoomID(rapid.IntRange(1, 4).Draw(s.rt, "room")) }

// live starts the room or stops it.
func (s *schedule) live(id ident.RoomID) {
	_ = s.rooms.Write(context.Background(), func(tx command.Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			return err // not created yet
		}
		by := room.By{Now: time.Now().UTC(), Actor: "test"}
		if r.Session != nil {
			r.Stop(by)
		} else if err := r.GoLive(by, room.Publisher{MediaServer: room.Manual}, ident.SessionID(r.Version)+100, room.Terms{}); err != nil {
			return err
		}
		return tx.SaveRoom(ownership.XAnchor, r)
	})
}

func (s *schedule) grow() {
	s.must(s.rooms.Write(context.Background(), func(tx command.Tx) error {
		tree, err := tx.AreaTree()
		if err != nil {
			return err
		}
		id := ident.AreaID(len(tree.Nodes) + 1)
		if err := tree.Add(room.By{Now: time.Now().UTC()}, id, 0, fmt.Sprint("area ", id)); err != nil {
			return err
		}
		return tx.SaveAreaTree(ownership.XAnchor, tree)
	}))
}

// audienceIsRight replays what the audience was told: no room ever went back, unless a store that
// was lost is filled again, and the newest it was told is what B has.
func (s *schedule) audienceIsRight() {
	s.stage.mu.Lock()
	changes := slices.Clone(s.changes)
	s.stage.mu.Unlock()
	cards := map[ident.RoomID]ident.Version{}
	for _, c := range changes {
		if c.Reset {
			clear(cards)
		}
		for _, card := range c.Cards {
			if card.Version < cards[card.ID] && !s.lost {
				s.rt.Errorf("the audience had room %s at %s and was told of %s", card.ID, cards[card.ID], card.Version)
			}
			cards[card.ID] = max(cards[card.ID], card.Version)
		}
	}
	truth, err := s.rooms.Snapshots(context.Background(), 0, 100)
	s.must(err)
	for _, b := range truth {
		// What a restart found stored, it tells nobody: readers load it themselves.
		if v, told := cards[b.ID]; told && v != b.Version {
			s.rt.Errorf("the audience was last told of room %s at %s, B has %s", b.ID, v, b.Version)
		}
	}
	head, err := s.rooms.End(context.Background())
	s.must(err)
	if last := changes[len(changes)-1]; last.Contiguous != head {
		s.rt.Errorf("the audience was last told that the feed ends at %d, the log ends at %d", last.Contiguous, head)
	}
}
