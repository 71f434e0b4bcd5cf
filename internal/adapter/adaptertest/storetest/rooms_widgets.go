package storetest

import (
	"errors"
	"reflect"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// registers has the write that moves each column of a widget type.
func registers(w *roomsWorld) map[string]ownedWrite {
	put := func(tx command.Tx, by ownership.Role) error {
		t, err := room.NewWidgetType("poll")
		if err != nil {
			return err
		}
		t.Put(w.by(), "{}")
		return tx.SaveWidgetType(by, t)
	}
	return map[string]ownedWrite{"widget_type.name": put, "widget_type.version": put, "widget_type.content": put}
}

func keepsWidgets(t *testing.T, w *roomsWorld) {
	save := func(of *room.WidgetType) error {
		return w.Store.Write(w.ctx(), func(tx command.Tx) error { return tx.SaveWidgetType(ownership.XRoomExtend, of) })
	}
	load := func(name string) *room.WidgetType {
		return look(w, func(rd command.Reader) (*room.WidgetType, error) { return rd.WidgetType(name) })
	}
	for _, name := range []string{"poll", "link"} {
		of, err := room.NewWidgetType(name)
		w.must(err)
		of.Put(w.by(), `{"title":"\"人\" <b>"}`)
		w.must(save(of))
	}
	poll := load("poll") // before the transaction: a store may have one at a time
	hung, value := w.create("hung"), map[string]any{"text": "\"人\" <b>", "n": 1.5}
	w.extend(hung, func(r *room.Room) error { return r.PutWidget(w.by(), "vote", poll, value, 0) })
	w.Store = w.Reopen()

	kept := w.room(hung).Extension.Widgets
	if len(kept) != 1 || kept[0] != (room.Widget{Name: "vote", Type: "poll", Version: 2, Value: `{"n":1.5,"text":"\"人\" <b>"}`, Actor: "anchor:7"}) {
		t.Errorf("kept: %+v", kept)
	}
	cards, err := w.Store.Snapshots(w.ctx(), 0, 10)
	w.must(err)
	if want := w.room(hung).Card(); len(cards) != 1 || !reflect.DeepEqual(cards[0], want) {
		t.Errorf("the snapshot is %+v, the room %+v", cards, want)
	}
	first, second, twice := load("poll"), load("poll"), &room.WidgetType{Name: "link"}
	if first.Schema != `{"title":"\"人\" <b>"}` || first.Version != 1 || !first.ChangedAt.Equal(w.now) {
		t.Errorf("type: %+v", first)
	}
	first.Retire(w.by())
	second.Put(w.by(), "{}")
	twice.Put(w.by(), "{}")
	w.must(save(first))
	for name, of := range map[string]*room.WidgetType{"changed": second, "made": twice} {
		if err := save(of); !errors.Is(err, fault.VersionConflict) {
			t.Errorf("two %s it at once: %v", name, err)
		}
	}
	all := look(w, command.Reader.WidgetTypes)
	if len(all) != 2 || all[0].Name != "link" || !all[1].Retired || all[1].Version != 2 {
		t.Errorf("registry: %+v", all)
	}
	err = w.Store.Read(w.ctx(), func(rd command.Reader) error { _, err := rd.WidgetType("nothing"); return err })
	if !errors.Is(err, fault.WidgetTypeNotFound) {
		t.Errorf("of no type: %v", err)
	}
}
