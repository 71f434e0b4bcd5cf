package storetest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// extend loads, decides and saves as xroom-extend.
func (w *roomsWorld) extend(id ident.RoomID, decide func(*room.Room) error) {
	w.Helper()
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			return err
		}
		if err := decide(r); err != nil {
			return err
		}
		return tx.SaveRoom(ownership.XRoomExtend, r)
	}))
}

func keepsExtension(t *testing.T, w *roomsWorld) {
	hour := func(n int) time.Time { return w.now.Add(time.Duration(n) * time.Hour) }
	grant := func(id ident.RoomID, name string, from, until time.Time) {
		w.extend(id, func(r *room.Room) error { return r.GrantBadge(w.by(), name, from, until) })
	}
	bare, said, early := w.create("bare"), w.create("said"), w.create("early")
	w.extend(said, func(r *room.Room) error { return r.Announce(w.by(), "a \"raid\" <b>人</b>") })
	w.extend(said, func(r *room.Room) error { return r.Pin(w.by(), "rules") })
	grant(said, "verified", time.Time{}, hour(2))
	grant(early, "partner", hour(1), time.Time{})
	w.Store = w.Reopen()

	for _, id := range []ident.RoomID{said, early} {
		if r := w.room(id); r.Extended() || r.Extension.Empty() {
			t.Errorf("kept of room %s: %+v", id, r.Extension)
		}
	}
	x := w.room(said).Extension
	want := room.Badge{Name: "verified", From: w.now, Until: hour(2), Shown: true, Actor: "anchor:7"}
	if x.Announcement != "a \"raid\" <b>人</b>" || x.Pinned != "rules" || !slices.Equal(x.Badges, []room.Badge{want}) {
		t.Errorf("kept: %+v", x)
	}
	cards, err := w.Store.Snapshots(w.ctx(), 0, 10)
	w.must(err)
	for _, c := range cards {
		if want := w.room(c.ID).Card(); !reflect.DeepEqual(c, want) {
			t.Errorf("the snapshot is %+v, the room %+v", c, want)
		}
	}
	due := func(at time.Time, limit int) []ident.RoomID {
		return look(w, func(rd command.Reader) ([]ident.RoomID, error) { return rd.ExtensionDue(at, limit) })
	}
	if a, b, c := due(hour(1), 10), due(hour(2), 10), due(hour(2), 1); !slices.Equal(a, []ident.RoomID{early}) ||
		!slices.Equal(b, []ident.RoomID{early, said}) || len(c) != 1 {
		t.Errorf("due after an hour %v, after two %v, one of them %v", a, b, c)
	}
	for _, id := range []ident.RoomID{bare, said} { // what empties the last leaves no row, and nothing due
		w.extend(id, func(r *room.Room) error {
			r.RevokeBadge(w.by(), "verified")
			if err := r.Announce(w.by(), ""); err != nil {
				return err
			}
			return r.Pin(w.by(), "")
		})
		if r := w.room(id); !r.Extension.Empty() || len(r.Card().Extension.Badges) != 0 {
			t.Errorf("emptied: %+v", r.Extension)
		}
	}
	if got := due(hour(2), 10); !slices.Equal(got, []ident.RoomID{early}) {
		t.Errorf("due after the revocation: %v", got)
	}
}
