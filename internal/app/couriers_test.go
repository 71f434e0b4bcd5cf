package app_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/adapter/wordindex"
	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/station"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// firsts counts which courier brought each version first: what greenroom_station_passed_total shows at "applied".
type firsts struct {
	mu sync.Mutex
	by map[station.Courier]int
}

func (f *firsts) Passed(p station.Passage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Station == station.Applied {
		f.by[p.Courier]++
	}
}

func (f *firsts) taken() map[station.Courier]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	by := f.by
	f.by = map[station.Courier]int{}
	return by
}

// switched is a running corridor whose couriers can be turned.
type switched struct {
	*app.Corridor
	t        *testing.T
	switches *switches.Set
	first    *firsts
	room     ident.RoomID
	meta     command.Meta
}

func withSwitches(t *testing.T, test func(*switched)) {
	synctest.Test(t, func(t *testing.T) {
		quiet := slog.New(slog.DiscardHandler)
		s := &switched{t: t, first: &firsts{by: map[station.Courier]int{}}, switches: switches.New(switches.Config{Store: memory.NewSwitches(), Logger: quiet}),
			meta: command.Meta{Caller: command.Caller{Subject: "ops", Anchor: 7, Scopes: []command.Scope{command.ScopeOps}}}}
		s.Corridor = app.NewCorridor(app.CorridorConfig{
			Engines: app.Engines{Rooms: memory.NewRooms("e"), Views: memory.NewViews(), Bus: memory.NewBus(memory.BusConfig{}), L1: memory.NewCache(), Index: wordindex.New()},
			Logger:  quiet, Switches: s.switches, Observer: s.first,
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		defer func() { stop(); <-ended }()
		<-time.After(time.Second) // the views are filled
		r, err := s.Anchor.CreateRoom(t.Context(), s.meta, 7, room.Description{Title: "0"})
		if err != nil {
			t.Fatal(err)
		}
		s.room = r.ID
		<-time.After(time.Second)
		s.first.taken()
		test(s)
	})
}

func (s *switched) turn(queue, direct bool) {
	for is, on := range map[*switches.Switch]bool{switches.CourierQueue: queue, switches.CourierDirect: direct} {
		if _, err := s.switches.Turn(s.t.Context(), switches.Turn{Name: is.Name, On: on, By: "ops", Reason: "a test"}, 0); err != nil {
			s.t.Fatal(err)
		}
	}
}

// rename changes the room so often, and returns how long after the last commit its view was late.
func (s *switched) rename(times int) time.Duration {
	s.t.Helper()
	var version ident.Version
	for i := range times {
		<-time.After(10 * time.Millisecond)
		title := time.Now().String() + string(rune('a'+i%26))
		r, err := s.Anchor.UpdateRoom(s.t.Context(), s.meta, s.room, room.Patch{Title: &title})
		if err != nil {
			s.t.Fatal(err)
		}
		version = r.Version
	}
	committed := time.Now()
	for {
		synctest.Wait()
		e, err := s.Reads.Get(s.t.Context(), s.room, 0)
		if err != nil {
			s.t.Fatal(err)
		}
		if late := time.Since(committed); e.Version >= version || late > time.Minute {
			return late
		}
		<-time.After(time.Millisecond)
	}
}

// TestEitherCourierAloneIsEnough turns the couriers off in turn, then both; the feed loses and repeats nothing over it all.
func TestEitherCourierAloneIsEnough(t *testing.T) {
	withSwitches(t, func(s *switched) {
		end, _ := s.Feed.End()
		for _, row := range []struct {
			queue, direct bool
			late          time.Duration
			by            []station.Courier // who is first, but for what a look at the log finds at that very moment
		}{
			{true, true, 0, []station.Courier{station.Queue, station.Direct}},
			{false, true, 0, []station.Courier{station.Direct}},
			{true, false, 0, []station.Courier{station.Queue}},
			// Nobody brings anything: beats say that something is missing, and two looks of 200 ms find that it does not come.
			{false, false, time.Second, []station.Courier{station.CatchUp}},
			{true, true, 0, []station.Courier{station.Queue, station.Direct}},
		} {
			s.turn(row.queue, row.direct)
			s.first.taken()
			if late := s.rename(20); late > row.late {
				t.Errorf("queue %t, direct %t: the view was %s late", row.queue, row.direct, late)
			}
			first, expected := s.first.taken(), 0
			for courier, n := range first {
				if slices.Contains(row.by, courier) {
					expected += n
				} else if courier != station.CatchUp {
					t.Errorf("queue %t, direct %t: the %s brought %d versions", row.queue, row.direct, courier, n)
				}
			}
			if expected == 0 || expected < 15 && row.direct != row.queue {
				t.Errorf("queue %t, direct %t: first were %v", row.queue, row.direct, first)
			}
		}
		<-time.After(time.Second)
		if head, _ := s.Feed.End(); head != end+100 || s.Relay.Published() != head {
			t.Errorf("100 events after %d the feed ends at %d, and the broker has %d", end, head, s.Relay.Published())
		}
		watcher, err := s.Feed.Watch(s.t.Context(), end, feed.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for seq := end; seq < end+100; {
			frames, err := watcher.Next(s.t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range frames {
				if seq++; f.Seq != seq {
					t.Fatalf("the feed has %d where %d should be", f.Seq, seq)
				}
			}
		}
		if e, err := s.Reads.Get(s.t.Context(), s.room, 0); err != nil || query.Stale(s.Reads.Age(e)) {
			t.Errorf("in the end the room is stale: %v", err)
		}
	})
}
