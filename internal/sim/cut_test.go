package sim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// outage is how long the zone is cut off, busy how long of each minute home is.
const (
	outage = time.Hour
	busy   = 10 * time.Second
)

// TestAZoneCutOffForAnHour: meanwhile its viewers are answered, and told how old the answers are; afterwards it
// has everything by itself, each event once.
func TestAZoneCutOffForAnHour(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openScene(t, seed)
				defer s.close()
				s.cutOff(t, func() {})
				s.settle(t)
				s.watcher.catchUp(context.Background(), t, s.head(t))
				s.w.checkLog(t, s.watcher.lines)
				s.w.checkAcks(t, s.watcher.lines)
				s.check(t)
			})
		})
	}
}

// TestAZoneCutOffForLongerThanTheLogIsKept: what it missed is gone. Its cards come by state transfer; its feed says
// so to who was there before, and begins where the log does.
func TestAZoneCutOffForLongerThanTheLogIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openScene(t, 1)
		defer s.close()
		ctx := context.Background()
		s.cutOff(t, func() { _, _ = s.w.rooms.Prune(ctx, clock().Add(-outage/6), time.Time{}) })
		missed := s.watcher.cursor
		s.settle(t)
		head, err := s.w.rooms.Head(ctx)
		if err != nil || head.Floor <= missed+1 {
			t.Fatalf("the log begins at %d, the zone had come to %d: nothing was missed, %v", head.Floor, missed, err)
		}
		for _, room := range []ident.RoomID{0, s.w.known[0]} { // a room's own events are found by another way
			filter := feed.Filter{}
			if room != 0 {
				filter.Rooms = []ident.RoomID{room}
			}
			if _, err := s.zone.node.alive().feed.Watch(ctx, missed, filter); !errors.Is(err, fault.CursorExpired) {
				t.Errorf("who goes on from %d, of room %s, hears %v", missed, room, err)
			}
		}
		if s.watcher.cursor != missed {
			t.Errorf("the watcher at %d was brought to %d, over what is lost", missed, s.watcher.cursor)
		}
		s.beginAnew(t, head.Floor)
		s.check(t)
	})
}

// scene is a world with a zone elsewhere: its viewer, and who follows its feed.
type scene struct {
	w       *world
	zone    *zone
	watcher *follower
	cut     time.Time
	stop    func()
}

// openScene lets both zones live for a minute.
func openScene(t *testing.T, seed uint64) *scene {
	t.Helper()
	w := newWorld(seed)
	w.faults = faults{} // the cut is what happens here
	z := newZone(w)
	s := &scene{w: w, zone: z, watcher: newFollower(w, z.node.alive)}
	w.start()
	z.start()
	ctx, cancel := context.WithCancel(context.Background())
	founder := newDice(seed, "founder")
	for range 3 {
		w.open(ctx, founder)
	}
	var all sync.WaitGroup
	all.Go(func() { s.watcher.follow(ctx) })
	s.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	s.traffic(0)
	if age := clock().Sub(z.node.alive().fresh.ProvenAt()); age > time.Second {
		t.Fatalf("before anything happens the zone is %s old", age)
	}
	return s
}

func (s *scene) close() {
	s.stop()
	s.zone.end()
	s.w.now.end()
	<-s.w.now.done
}

// traffic is a minute at home, the first part of it busy.
func (s *scene) traffic(minute int) {
	ctx, cancel := context.WithTimeout(context.Background(), busy)
	defer cancel()
	var all sync.WaitGroup
	for n := range 2 {
		all.Go(func() { s.w.anchor(ctx, newDice(s.w.seed, fmt.Sprint("anchor ", n, " in minute ", minute))) })
		all.Go(func() { s.w.encoder(ctx, 2*minute+n) })
	}
	all.Wait()
	pause(context.Background(), time.Minute-busy)
}

// cutOff cuts the line for the outage, and looks each minute how honest the zone is. aside happens as often.
func (s *scene) cutOff(t *testing.T, aside func()) {
	t.Helper()
	before := s.head(t)
	s.zone.cut.Store(true)
	s.cut = clock()
	for minute := range int(outage / time.Minute) {
		s.traffic(1 + minute)
		aside()
		s.checkAge(t)
	}
	if missed := s.head(t) - before; missed <= mirrored {
		t.Fatalf("home went on by %d events: the mirror alone could bring them", missed)
	}
}

// checkAge: every room that the zone knew is still shown, as old as it is: nothing was learned since the cut.
func (s *scene) checkAge(t *testing.T) {
	t.Helper()
	screen := s.zone.node.alive()
	for _, id := range s.w.known {
		look := screen.reads.Look()
		e, err := screen.reads.Get(context.Background(), id, 0)
		if err != nil {
			t.Errorf("room %s is not shown any more: %v", id, err)
			continue
		}
		away := clock().Sub(s.cut)
		if age := look.Age(e); age < away || age > away+2*time.Second || !query.Stale(age) {
			t.Errorf("%s after the cut the zone says that room %s is %s old (stale: %t)", away, id, age, query.Stale(age))
		}
	}
}

// settle mends the line and lets home be busy for another minute, in which no viewer is shown anything older than
// before: by its end the zone is as fresh as ever. After that nothing happens.
func (s *scene) settle(t *testing.T) {
	t.Helper()
	s.zone.heal()
	ctx, end := context.WithCancel(context.Background())
	var viewing sync.WaitGroup
	viewing.Go(func() { newViewer(s.w, s.zone.node.alive).watch(ctx) })
	s.traffic(0)
	end()
	viewing.Wait()
	if age := clock().Sub(s.zone.node.alive().fresh.ProvenAt()); age > time.Second {
		t.Errorf("a minute after the line was mended the zone is %s old", age)
	}
	s.w.calm()
	s.stop()
}

// beginAnew: who comes without a cursor gets all that is kept.
func (s *scene) beginAnew(t *testing.T, floor ident.FeedSeq) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	watcher, err := s.zone.node.alive().feed.Watch(ctx, 0, feed.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for next, head := floor, s.head(t); next <= head; {
		frames, err := watcher.Next(ctx)
		if err != nil {
			t.Fatalf("the feed ends before %d: %v", next, err)
		}
		for _, f := range frames {
			if f.Seq != next {
				t.Fatalf("the feed goes on with %d instead of %d", f.Seq, next)
			}
			next++
		}
	}
}

// check: what the zone has stored, and what its viewers get, is what B has.
func (s *scene) check(t *testing.T) {
	t.Helper()
	for _, wrong := range s.w.wrong {
		t.Error(wrong)
	}
	s.w.checkViews(context.Background(), t, s.zone.views)
	s.w.checkScreen(context.Background(), t, s.zone.node.alive(), s.zone.views)
}

func (s *scene) head(t *testing.T) ident.FeedSeq {
	t.Helper()
	head, err := s.w.rooms.Head(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return head.Seq
}
