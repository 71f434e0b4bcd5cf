package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

func findsDue(t *testing.T, w *roomsWorld) {
	start := w.now
	leased, graced, manual, ended, renewed := w.create("leased"), w.create("graced"), w.create("manual"), w.create("ended"), w.create("renewed")
	w.goLive(leased, publisher("1", 5))
	w.goLive(graced, publisher("2", 5))
	w.goLive(manual, room.Publisher{MediaServer: room.Manual})
	w.goLive(ended, publisher("4", 5))
	w.goLive(renewed, publisher("5", 5))
	w.now = start.Add(time.Second)
	w.must(w.change(graced, func(r *room.Room) error { return r.Interrupt(w.by(), publisher("2", 5), terms) }))
	w.must(w.change(ended, func(r *room.Room) error { r.Stop(w.by()); return nil }))
	w.must(w.change(renewed, func(r *room.Room) error { return r.Renew(w.by(), publisher("5", 5), terms) }))

	for _, c := range []struct {
		at    time.Duration
		limit int
		want  []ident.RoomID
	}{
		{terms.Lease - time.Millisecond, 10, nil},
		{terms.Lease, 10, []ident.RoomID{leased}},
		{terms.Lease + time.Second - time.Millisecond, 10, []ident.RoomID{leased}},
		{terms.Lease + time.Second, 10, []ident.RoomID{leased, renewed}},
		{terms.Lease + time.Second, 1, []ident.RoomID{leased}},
		{terms.Grace + time.Second - time.Millisecond, 10, []ident.RoomID{leased, renewed}},
		{terms.Grace + time.Second, 10, []ident.RoomID{leased, renewed, graced}},
		{1000 * time.Hour, 10, []ident.RoomID{leased, renewed, graced}},
	} {
		got := look(w, func(rd command.Reader) ([]ident.RoomID, error) { return rd.Due(start.Add(c.at), c.limit) })
		if !slices.Equal(got, c.want) {
			t.Errorf("due %s after the start, at most %d: %v, want %v", c.at, c.limit, got, c.want)
		}
	}
}

func pagesRooms(t *testing.T, w *roomsWorld) {
	var mine, all []ident.RoomID
	for i := range 10 {
		r, err := room.Create(w.by(), ident.RoomID(w.id()), ident.AnchorID(1+i%2), room.Description{Title: fmt.Sprint(i)})
		w.must(err)
		w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error { return tx.SaveRoom(role, r) }))
		all = append(all, r.ID)
		if i%2 == 0 {
			mine = append(mine, r.ID)
		}
	}
	crawl := func(anchor ident.AnchorID) (got []ident.RoomID) {
		for after := ident.RoomID(0); ; {
			page := look(w, func(rd command.Reader) ([]*room.Room, error) { return rd.Rooms(anchor, after, 3) })
			if len(page) > 3 {
				t.Fatalf("a page of 3 has %d rooms", len(page))
			}
			if len(page) == 0 {
				return got
			}
			for _, r := range page {
				got = append(got, r.ID)
			}
			after = got[len(got)-1]
		}
	}
	if got := crawl(0); !slices.Equal(got, all) {
		t.Errorf("all rooms: %v, want %v", got, all)
	}
	if got := crawl(1); !slices.Equal(got, mine) {
		t.Errorf("the rooms of anchor 1: %v, want %v", got, mine)
	}
	err := w.Store.Read(w.ctx(), func(rd command.Reader) error { _, err := rd.Room(99); return err })
	if !errors.Is(err, fault.RoomNotFound) {
		t.Errorf("a room that is not there: %v", err)
	}
	if n, err := w.Store.Count(w.ctx()); err != nil || n != 10 {
		t.Errorf("%d rooms are counted, %v", n, err)
	}
}

func pagesSessions(t *testing.T, w *roomsWorld) {
	id, other := w.create("a"), w.create("b")
	w.goLive(other, publisher("x", 5))
	for i := range 5 {
		w.goLive(id, publisher(fmt.Sprint(i), 5))
		w.now = w.now.Add(time.Second)
		w.must(w.change(id, func(r *room.Room) error { r.Stop(w.by()); return nil }))
	}
	w.goLive(id, publisher("last", 6))
	var got []room.Session
	for before := ident.SessionID(0); ; {
		page := look(w, func(rd command.Reader) ([]room.Session, error) { return rd.Sessions(id, before, 2) })
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		before = page[len(page)-1].ID
	}
	if len(got) != 6 {
		t.Fatalf("%d sessions, want 6", len(got))
	}
	for i, s := range got {
		if s.Epoch != ident.Epoch(6-i) || s.Room != id {
			t.Errorf("session %d is of room %s, epoch %d", i, s.Room, s.Epoch)
		}
		if i > 0 && (s.Status != view.Idle || s.EndReason != room.AnchorStopped || s.EndedAt.Sub(s.StartedAt) != time.Second) {
			t.Errorf("an ended session is kept as %+v", s)
		}
	}
	if s := got[0]; s.Status != view.Live || s.Publisher != publisher("last", 6) || !s.LeaseUntil.Equal(w.now.Add(terms.Lease)) {
		t.Errorf("the running session is kept as %+v", s)
	}
	if r := w.room(id); r.Session == nil || r.Session.ID != got[0].ID || r.Epoch != 6 {
		t.Errorf("the room holds session %+v", r.Session)
	}
}

func keepsKeys(t *testing.T, w *roomsWorld) {
	id, other := w.create("a"), w.create("b")
	var want []room.Key
	for i := range 3 {
		k := room.Key{ID: ident.KeyID(w.id()), Room: id, Label: fmt.Sprint(i), CreatedAt: w.now, ExpiresAt: w.now.Add(time.Duration(i) * time.Hour)}
		k.Hash[0], k.Hash[31] = byte(i+1), 0xff
		want = append([]room.Key{k}, want...)
	}
	want[2].ExpiresAt = time.Time{}
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
		for _, k := range slices.Backward(want) {
			if err := tx.SaveKey(role, k); err != nil {
				return err
			}
		}
		return tx.SaveKey(role, room.Key{ID: ident.KeyID(w.id()), Room: other, CreatedAt: w.now})
	}))
	want[1].Revoke(w.now.Add(time.Minute))
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error { return tx.SaveKey(role, want[1]) }))
	got := look(w, func(rd command.Reader) ([]room.Key, error) { return rd.Keys(id) })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the keys are\n%+v, want\n%+v", got, want)
	}
	if one := look(w, func(rd command.Reader) (room.Key, error) { return rd.Key(want[1].ID) }); one != want[1] {
		t.Errorf("the key is %+v, want %+v", one, want[1])
	}
	err := w.Store.Read(w.ctx(), func(rd command.Reader) error { _, err := rd.Key(99); return err })
	if !errors.Is(err, fault.KeyNotFound) {
		t.Errorf("a key that is not there: %v", err)
	}
}

func keepsAreas(t *testing.T, w *roomsWorld) {
	grow := func(do func(*room.AreaTree) error) {
		t.Helper()
		w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
			tree, err := tx.AreaTree()
			if err != nil {
				return err
			}
			if err := do(tree); err != nil {
				return err
			}
			return tx.SaveAreaTree(role, tree)
		}))
	}
	grow(func(tree *room.AreaTree) error {
		return errors.Join(tree.Add(w.by(), 1, 0, "Games"), tree.Add(w.by(), 2, 1, "Chess"), tree.Add(w.by(), 3, 0, "Music"))
	})
	name, parent := "Go", ident.AreaID(3)
	grow(func(tree *room.AreaTree) error { return tree.Change(w.by(), 2, &name, &parent) })
	w.Store = w.Reopen()
	want := []view.Area{{ID: 1, Name: "Games"}, {ID: 3, Name: "Music", Children: []view.Area{{ID: 2, Name: "Go"}}}}
	tree := look(w, func(rd command.Reader) (*room.AreaTree, error) { return rd.AreaTree() })
	if got := tree.View(); !reflect.DeepEqual(got, want) || tree.Version != 4 {
		t.Errorf("the tree is %+v at version %s", got, tree.Version)
	}
	areas, version, err := w.Store.Areas(w.ctx())
	if err != nil || version != 4 || !reflect.DeepEqual(areas, want) {
		t.Errorf("the source says %+v at version %s, %v", areas, version, err)
	}
}

func keepsAnswers(t *testing.T, w *roomsWorld) {
	id := command.AnswerID{1, 2, 3}
	want := command.Answer{Request: [32]byte{9}, Sealed: []byte{0, 1, 2, 255}, ExpiresAt: w.now.Add(24 * time.Hour)}
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error { return tx.SaveAnswer(id, want) }))
	w.Store = w.Reopen()
	find := func(id command.AnswerID, at time.Time) (a command.Answer, found bool) {
		t.Helper()
		w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
			var err error
			a, found, err = tx.Answer(id, at)
			return err
		}))
		return a, found
	}
	if got, found := find(id, want.ExpiresAt.Add(-time.Millisecond)); !found || !reflect.DeepEqual(got, want) {
		t.Errorf("the answer is %+v, %v, want %+v", got, found, want)
	}
	if _, found := find(id, want.ExpiresAt); found {
		t.Error("an answer outlived its expiry")
	}
	if _, found := find(command.AnswerID{1, 2, 4}, w.now); found {
		t.Error("an answer was found under another id")
	}
	next := want
	next.Sealed, next.ExpiresAt = []byte("next"), want.ExpiresAt.Add(time.Hour)
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error { return tx.SaveAnswer(id, next) }))
	if got, _ := find(id, want.ExpiresAt); !reflect.DeepEqual(got, next) {
		t.Errorf("a new answer took no place: %+v", got)
	}
	_, err := w.Store.Prune(w.ctx(), time.Unix(1, 0), next.ExpiresAt)
	w.must(err)
	if _, found := find(id, w.now); found {
		t.Error("pruning kept an expired answer")
	}
}

func pagesSnapshots(t *testing.T, w *roomsWorld) {
	var want []view.RoomCard
	for i := range 7 {
		id := w.create(fmt.Sprint(i))
		if i%2 == 0 {
			w.goLive(id, publisher(fmt.Sprint(i), 5))
		}
		r := w.room(id)
		want = append(want, r.Card())
	}
	var got []view.RoomCard
	for after := ident.RoomID(0); ; {
		page, err := w.Store.Snapshots(w.ctx(), after, 3)
		w.must(err)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1].ID
	}
	if len(got) != len(want) {
		t.Fatalf("%d snapshots, want %d", len(got), len(want))
	}
	for i := range want {
		one, found, err := w.Store.Snapshot(w.ctx(), want[i].ID)
		if err != nil || !found || one.Checksum() != want[i].Checksum() || got[i].Checksum() != want[i].Checksum() {
			t.Errorf("room %s: %+v in the page, %+v alone (%v, %v), want %+v", want[i].ID, got[i], one, found, err, want[i])
		}
	}
	if _, found, err := w.Store.Snapshot(w.ctx(), 99); found || err != nil {
		t.Errorf("a room that is not there: %v, %v", found, err)
	}
}

func survives(t *testing.T, w *roomsWorld) {
	id := w.create("a")
	w.goLive(id, publisher("1", 5))
	w.must(w.change(id, func(r *room.Room) error { return r.Interrupt(w.by(), publisher("1", 5), terms) }))
	before := w.room(id)
	w.Store = w.Reopen()
	after := w.room(id)
	if a, b := before.Card(), after.Card(); a.Checksum() != b.Checksum() || *before.Session != *after.Session || !before.CreatedAt.Equal(after.CreatedAt) {
		t.Errorf("the room was %+v %+v and is %+v %+v", before, before.Session, after, after.Session)
	}
	w.rename(id, "goes on") // from the version that was loaded
}
