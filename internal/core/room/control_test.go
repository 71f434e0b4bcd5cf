package room_test

import (
	"errors"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

func newRoom(t *testing.T) *room.Room {
	t.Helper()
	r, err := room.Create(at(start), 42, 7, room.Description{Title: "Morning show"})
	mustDo(t, err)
	return r
}

func at(now time.Time) room.By { return room.By{Now: now, Actor: "staff:1", Cause: "c"} }

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheStrongestIsShown(t *testing.T) {
	r := newRoom(t)
	until := start.Add(time.Hour)
	mustDo(t, r.Intervene(at(start), view.Hidden, room.Order{Reason: "spam"}))
	mustDo(t, r.Intervene(at(start), view.Locked, room.Order{Reason: "a raid", Until: until}))
	mustDo(t, r.Intervene(at(start), view.Warned, room.Order{Reason: "language"}))
	if c := r.Card().Control; c.State != view.Locked || c.Reason != "a raid" || !c.Until.Equal(until) {
		t.Errorf("shown: %+v", c)
	}
	if due := r.LiftsAt(); !due.Equal(until) {
		t.Errorf("due at %s", due)
	}
	mustDo(t, r.Lift(at(start), view.Locked, "mistake"))
	if c := r.Card().Control; c.State != view.Hidden || c.Reason != "spam" {
		t.Errorf("below the lock: %+v", c)
	}
	types := []event.Type{}
	for _, e := range r.Events() {
		types = append(types, e.Type)
	}
	want := []event.Type{event.RoomCreated, event.RoomHidden, event.RoomLocked, event.RoomWarned, event.RoomUnlocked}
	if len(types) != len(want) {
		t.Fatalf("%v", types)
	}
	for i := range want {
		if types[i] != want[i] {
			t.Errorf("%v, want %v", types, want)
		}
	}
}

func TestALockBarsPublishing(t *testing.T) {
	for _, c := range []struct {
		level view.ControlState
		code  *fault.Code
		ends  room.EndReason
	}{
		{view.Locked, fault.RoomLocked, room.EndedByLock},
		{view.Cut, fault.RoomCut, room.EndedByCut},
	} {
		r := newRoom(t)
		mustDo(t, r.GoLive(at(start), obs, 5, terms))
		until := start.Add(time.Minute)
		mustDo(t, r.Intervene(at(start), c.level, room.Order{Reason: "a raid", Until: until}))
		if !r.EndBy(at(start), c.level) || r.EndBy(at(start), c.level) {
			t.Errorf("%s: the running session ends once", c.level)
		}
		if ended := r.Sessions(); ended[len(ended)-1].EndReason != c.ends {
			t.Errorf("%s: ended by %s", c.level, ended[len(ended)-1].EndReason)
		}
		err := r.GoLive(at(until.Add(-time.Millisecond)), rival, 6, terms)
		if f := fault.Of(err); !errors.Is(err, c.code) || f.Details["reason"] != "a raid" || f.Details["until"] == "" {
			t.Errorf("%s: published: %v", c.level, err)
		}
		if err := r.Renew(at(start), obs, terms); !errors.Is(err, fault.StaleSession) {
			t.Errorf("%s: the stream may go on: %v", c.level, err)
		}
		if r.LiftDue(at(until.Add(-time.Millisecond))) {
			t.Errorf("%s: lifted before its time", c.level)
		}
		// At its end it bars nothing, though nobody may have lifted it yet; then it is lifted, once.
		mustDo(t, r.GoLive(at(until), rival, 6, terms))
		if !r.LiftDue(at(until)) || r.LiftDue(at(until)) || r.Card().Control != (view.Control{}) {
			t.Errorf("%s: in force after its time: %+v", c.level, r.Card().Control)
		}
	}
}

func TestACutThatHoldsNothingBack(t *testing.T) {
	r := newRoom(t)
	mustDo(t, r.Intervene(at(start), view.Cut, room.Order{Reason: "nudity"}))
	if e := r.Events()[len(r.Events())-1]; e.Type != event.RoomCut || e.Reason != "nudity" || len(r.Interventions) > 0 {
		t.Errorf("%+v, %v", e, r.Interventions)
	}
	mustDo(t, r.GoLive(at(start), rival, 6, terms))
}

func TestWarningsAndHidingDoNotBar(t *testing.T) {
	r := newRoom(t)
	mustDo(t, r.Intervene(at(start), view.Warned, room.Order{Reason: "a"}))
	mustDo(t, r.Intervene(at(start), view.Hidden, room.Order{Reason: "b"}))
	mustDo(t, r.GoLive(at(start), rival, 6, terms))
}

func TestAnOrderIsChecked(t *testing.T) {
	long := make([]rune, room.MaxNote+1)
	for i := range long {
		long[i] = 'x'
	}
	for field, o := range map[string]room.Order{
		"reason": {}, "note": {Reason: "a", Note: string(long)}, "until": {Reason: "a", Until: start},
	} {
		r := newRoom(t)
		err := r.Intervene(at(start), view.Locked, o)
		if f := fault.Of(err); !errors.Is(err, fault.InvalidArgument) || f.Details["field"] != field {
			t.Errorf("%s: %v", field, err)
		}
		if r.Controlled() || len(r.Events()) != 1 {
			t.Errorf("%s: a refused order changed the room", field)
		}
	}
	r := newRoom(t)
	if err := r.Intervene(at(start), view.Normal, room.Order{Reason: "a"}); !errors.Is(err, fault.InvalidArgument) {
		t.Errorf("NORMAL put in force: %v", err)
	}
	mustDo(t, r.Lift(at(start), view.Locked, ""))
	if len(r.Events()) != 1 {
		t.Error("lifting what is not there is an event")
	}
}
