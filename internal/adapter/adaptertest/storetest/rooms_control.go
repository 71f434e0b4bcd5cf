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

// control loads, decides and saves as management.
func (w *roomsWorld) control(id ident.RoomID, decide func(*room.Room) error) {
	w.Helper()
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			return err
		}
		if err := decide(r); err != nil {
			return err
		}
		return tx.SaveRoom(ownership.XRoomManagement, r)
	}))
}

func (w *roomsWorld) due(at time.Time, limit int) []ident.RoomID {
	w.Helper()
	return look(w, func(rd command.Reader) ([]ident.RoomID, error) { return rd.ControlDue(at, limit) })
}

func keepsControl(t *testing.T, w *roomsWorld) {
	put := func(id ident.RoomID, level view.ControlState, until time.Time) {
		w.control(id, func(r *room.Room) error {
			return r.Intervene(w.by(), level, room.Order{Reason: "a \"raid\"", Note: "人 seen it", Until: until})
		})
	}
	free, locked, both := w.create("free"), w.create("locked"), w.create("both")
	put(locked, view.Locked, w.now.Add(2*time.Hour))
	put(both, view.Hidden, time.Time{})
	put(both, view.Warned, w.now.Add(time.Hour))
	w.Store = w.Reopen()

	r := w.room(both)
	if len(r.Interventions) != 2 || r.Interventions[0].Level != view.Warned || r.Controlled() {
		t.Fatalf("kept: %+v", r.Interventions)
	}
	if i := r.Interventions[0]; i.Reason != "a \"raid\"" || i.Note != "人 seen it" || i.Actor != "anchor:7" ||
		!i.At.Equal(w.now) || !i.Until.Equal(w.now.Add(time.Hour)) {
		t.Errorf("kept: %+v", i)
	}
	cards, err := w.Store.Snapshots(w.ctx(), 0, 10)
	w.must(err)
	for _, c := range cards {
		if want := w.room(c.ID).Card(); !reflect.DeepEqual(c, want) {
			t.Errorf("the snapshot is %+v, the room %+v", c, want)
		}
	}
	if got := w.due(w.now.Add(time.Hour), 10); !slices.Equal(got, []ident.RoomID{both}) {
		t.Errorf("due after an hour: %v", got)
	}
	if got := w.due(w.now.Add(2*time.Hour), 10); !slices.Equal(got, []ident.RoomID{both, locked}) {
		t.Errorf("due after two hours: %v", got)
	}
	if got := w.due(w.now.Add(2*time.Hour), 1); len(got) != 1 {
		t.Errorf("a limit of one: %v", got)
	}
	list := func(state view.ControlState, after ident.RoomID) (ids []ident.RoomID) {
		for _, r := range look(w, func(rd command.Reader) ([]*room.Room, error) { return rd.Controlled(state, after, 10) }) {
			ids = append(ids, r.ID)
		}
		return ids
	}
	if all, hidden, rest := list(view.Normal, 0), list(view.Hidden, 0), list(view.Normal, locked); !slices.Equal(all, []ident.RoomID{locked, both}) ||
		!slices.Equal(hidden, []ident.RoomID{both}) || !slices.Equal(rest, []ident.RoomID{both}) {
		t.Errorf("all %v, hidden %v, after the first %v", all, hidden, rest)
	}
	lift := func(r *room.Room) error { return r.Lift(w.by(), view.Locked, "over") }
	w.control(locked, lift)
	w.control(free, lift)
	if r := w.room(locked); len(r.Interventions) != 0 || r.Card().Control != (view.Control{}) {
		t.Errorf("lifted: %+v", r.Interventions)
	}
	if got := list(view.Normal, 0); !slices.Equal(got, []ident.RoomID{both}) {
		t.Errorf("after the lift: %v", got)
	}
}
