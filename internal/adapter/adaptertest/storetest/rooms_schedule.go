package storetest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func keepsSchedules(t *testing.T, w *roomsWorld) {
	hour := func(n int) time.Time { return w.now.Add(time.Duration(n) * time.Hour) }
	// The suite looks at what is kept, not at when things begin: it writes schedules by hand.
	save := func(id ident.RoomID, s room.Schedule) {
		w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
			r, err := tx.Room(id)
			if err != nil {
				return err
			}
			if _, err := tx.Schedule(id); err != nil {
				return err
			}
			return tx.SaveSchedule(ownership.XAnchor, r, &s)
		}))
	}
	schedule := func(at time.Time, titles ...string) (s room.Schedule) {
		for i, title := range titles {
			s.Plans = append(s.Plans, view.Plan{ID: ident.PlanID(i + 1), Title: title, Start: "2026-10-23T20:00:00", Zone: "Europe/Berlin",
				Length: time.Hour, Rule: "FREQ=WEEKLY", Remind: time.Minute, Changes: 2, ChangedAt: w.now,
				Exceptions: []view.Exception{{Original: "2026-10-30T20:00:00"}, {Original: "2026-11-06T20:00:00", Moved: "2026-11-07T20:00:00"}}})
		}
		s.Soon, s.RemindAt = []view.Occurrence{{Plan: 1, Title: "a", Original: "2026-10-23T20:00:00", Start: w.now, End: hour(1)}}, at
		return s
	}
	bare, weekly, other := w.create("bare"), w.create("weekly"), w.create("other")
	save(bare, room.Schedule{})
	save(weekly, schedule(hour(2), "a \"talk\" 人", "b"))
	save(other, schedule(hour(1), "c"))
	w.Store = w.Reopen()

	at := func(id ident.RoomID) *room.Schedule {
		return look(w, func(rd command.Reader) (*room.Schedule, error) { return rd.Schedule(id) })
	}
	if got, want := at(weekly), schedule(hour(2), "a \"talk\" 人", "b"); !reflect.DeepEqual(*got, want) {
		t.Errorf("kept %+v, want %+v", *got, want)
	}
	if got := at(bare); len(got.Plans) != 0 || !got.RemindAt.IsZero() {
		t.Errorf("of a room that plans nothing: %+v", got)
	}
	rooms := func(anchor ident.AnchorID, after ident.RoomID, limit int) (out []ident.RoomID) {
		for _, in := range look(w, func(rd command.Reader) ([]command.PlannedIn, error) { return rd.Schedules(anchor, after, limit) }) {
			if len(in.Schedule.Plans) == 0 {
				t.Errorf("room %s is listed without a plan", in.Room)
			}
			out = append(out, in.Room)
		}
		return out
	}
	owner := w.room(weekly).Anchor
	for _, c := range []struct{ got, want []ident.RoomID }{
		{rooms(0, 0, 10), []ident.RoomID{weekly, other}}, {rooms(owner, 0, 1), []ident.RoomID{weekly}},
		{rooms(owner, weekly, 10), []ident.RoomID{other}}, {rooms(0, weekly, 10), []ident.RoomID{other}}, {rooms(owner+1, 0, 10), nil},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("listed %v, want %v", c.got, c.want)
		}
	}
	due := func(at time.Time, limit int) []ident.RoomID {
		return look(w, func(rd command.Reader) ([]ident.RoomID, error) { return rd.ScheduleDue(at, limit) })
	}
	if a, b, c := due(hour(1), 10), due(hour(2), 10), due(hour(2), 1); !slices.Equal(a, []ident.RoomID{other}) ||
		!slices.Equal(b, []ident.RoomID{other, weekly}) || len(c) != 1 {
		t.Errorf("due after an hour %v, after two %v, one of them %v", a, b, c)
	}
	save(other, schedule(time.Time{}, "c")) // nothing to tell
	save(weekly, room.Schedule{})           // and no row any more
	if got, left := due(hour(9), 10), rooms(0, 0, 10); len(got) != 0 || !slices.Equal(left, []ident.RoomID{other}) {
		t.Errorf("afterwards due %v, planned %v", got, left)
	}
}
