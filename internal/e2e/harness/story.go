package harness

import (
	"context"
	"testing"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// Story is a room's events as the feed tells them, read one by one.
type Story struct {
	t      testing.TB
	events chan *greenroom.RoomEvent
	failed chan error
	at     int64 // the version of the last event
}

// Follow reads the room's events from its first.
func (g *Greenroom) Follow(room int64) *Story {
	g.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Story{t: g.t, events: make(chan *greenroom.RoomEvent, 64), failed: make(chan error, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e, err := range g.Client.Feed(ctx, greenroom.FeedQuery{Rooms: []int64{room}}) {
			if err != nil {
				s.failed <- err
				return
			}
			select {
			case s.events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	g.t.Cleanup(func() { cancel(); <-ended })
	return s
}

// Next is the room's next event, which must be of this type and follow the last one without a gap.
func (s *Story) Next(want string) *greenroom.RoomEvent {
	s.t.Helper()
	late := time.NewTimer(Deadline)
	defer late.Stop()
	select {
	case e := <-s.events:
		if e.GetType() != want || e.GetPrevVersion() != s.at || e.GetVersion() != s.at+1 {
			s.t.Fatalf("after version %d came %s (%s) from %d to %d, want %s", s.at, e.GetType(), e.GetReason(), e.GetPrevVersion(), e.GetVersion(), want)
		}
		s.at = e.GetVersion()
		return e
	case err := <-s.failed:
		s.t.Fatalf("the feed ended before %s: %v", want, err)
	case <-late.C:
		s.t.Fatalf("no %s after version %d", want, s.at)
	}
	return nil
}

// NothingSoFar fails if an event has come that was not read.
func (s *Story) NothingSoFar() {
	s.t.Helper()
	select {
	case e := <-s.events:
		s.t.Fatalf("unexpected %s (%s)", e.GetType(), e.GetReason())
	default:
	}
}
