package sqlitestore_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// inTx loads a room as a command would.
func inTx(t *testing.T, rooms *sqlitestore.Rooms, id ident.RoomID) (got *room.Room) {
	t.Helper()
	err := rooms.Write(t.Context(), func(tx command.Tx) (err error) {
		got, err = tx.Room(id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// A room that a transaction changed and did not commit is what it was before.
func TestHotRowsForgetWhatWasNotCommitted(t *testing.T) {
	rooms := openRooms(t, filepath.Join(t.TempDir(), "room_b.db"))
	if _, err := bump(rooms, 1); err != nil {
		t.Fatal(err)
	}
	refuse := errors.New("no")
	title := "never"
	err := rooms.Write(t.Context(), func(tx command.Tx) error {
		r, err := tx.Room(1)
		if err == nil {
			err = r.Edit(room.By{Actor: "test"}, room.Patch{Title: &title})
		}
		return errors.Join(err, tx.SaveRoom(ownership.XAnchor, r), refuse)
	})
	if !errors.Is(err, refuse) {
		t.Fatalf("the unit answered %v", err)
	}
	if got := inTx(t, rooms, 1); got.Version != 1 || got.Title == title {
		t.Errorf("after the rollback the room is %q at version %s", got.Title, got.Version)
	}
	if v, err := bump(rooms, 1); err != nil || v != 2 {
		t.Errorf("the next change came to version %s, %v", v, err)
	}
}

// What a command does to the room it loaded stays its own until it is saved.
func TestHotRowsAreNotShared(t *testing.T) {
	rooms := openRooms(t, filepath.Join(t.TempDir(), "room_b.db"))
	if _, err := bump(rooms, 1); err != nil {
		t.Fatal(err)
	}
	inTx(t, rooms, 1).Title = "scribbled"
	if got := inTx(t, rooms, 1); got.Title != "new" {
		t.Errorf("the room is called %q", got.Title)
	}
}

// A row that somebody changed past us is one conflict, not one for ever.
func TestHotRowsGiveWayToTheFile(t *testing.T) {
	rooms := openRooms(t, filepath.Join(t.TempDir(), "room_b.db"))
	if _, err := bump(rooms, 1); err != nil {
		t.Fatal(err)
	}
	if err := rooms.Pragma("UPDATE room SET version = 7 WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := bump(rooms, 1); !errors.Is(err, fault.VersionConflict) {
		t.Fatalf("the first change answered %v", err)
	}
	if v, err := bump(rooms, 1); err != nil || v != 8 {
		t.Errorf("the second change came to version %s, %v", v, err)
	}
}

// What is kept of a room is what its rows say, whatever happened to it.
func TestHotRowsAreAsTheFileSays(t *testing.T) {
	rooms := openRooms(t, filepath.Join(t.TempDir(), "room_b.db"))
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	by := func() room.By { now = now.Add(time.Second); return room.By{Now: now, Actor: "test"} }
	terms := room.Terms{Lease: 10 * time.Second, Grace: 30 * time.Second}
	first, second := room.FromSRS("a", "127.0.0.1"), room.FromSRS("b", "::1")
	first.Key, second.Key = 5, 6
	title, tags, policy := "renamed", []string{"x", "y"}, room.TakeOver
	live := func(p room.Publisher, id ident.SessionID) func(*room.Room) error {
		return func(r *room.Room) error { return r.GoLive(by(), p, id, terms) }
	}
	for i, change := range []func(*room.Room) error{
		func(r *room.Room) error { return nil },
		func(r *room.Room) error { return r.Edit(by(), room.Patch{Title: &title, Tags: &tags, Policy: &policy}) },
		live(first, 11),
		func(r *room.Room) error { return r.Renew(by(), first, terms) },
		func(r *room.Room) error { return r.Interrupt(by(), first, terms) },
		live(first, 12),  // resumes
		live(second, 13), // takes over
		func(r *room.Room) error { now = now.Add(time.Minute); r.Expire(by(), terms); return nil },
		func(r *room.Room) error { r.Stop(by()); return nil },
	} {
		if err := rooms.Write(t.Context(), func(tx command.Tx) error {
			r, err := tx.Room(1)
			if errors.Is(err, fault.RoomNotFound) {
				r, err = room.Create(by(), 1, 7, room.Description{Title: "new", Tags: []string{"z"}, Language: "en"})
			}
			if err == nil {
				err = change(r)
			}
			return errors.Join(err, tx.SaveRoom(ownership.XAnchor, r))
		}); err != nil {
			t.Fatal(i, err)
		}
		var stored *room.Room
		if err := rooms.Read(t.Context(), func(rd command.Reader) (err error) { stored, err = rd.Room(1); return err }); err != nil {
			t.Fatal(i, err)
		}
		if kept := inTx(t, rooms, 1); !reflect.DeepEqual(kept, stored) {
			t.Errorf("after step %d\n%+v is kept, with %+v,\n%+v is stored, with %+v", i, kept, kept.Session, stored, stored.Session)
		}
	}
}

// A log that somebody wrote to past us costs one failed write at most, not all that follow.
func TestTheLogsEndIsWhereTheFileSays(t *testing.T) {
	rooms := openRooms(t, filepath.Join(t.TempDir(), "room_b.db"))
	if _, err := bump(rooms, 1); err != nil {
		t.Fatal(err)
	}
	if err := rooms.Pragma("INSERT INTO log SELECT feed_seq + 1, room_id, committed_at, body FROM log"); err != nil {
		t.Fatal(err)
	}
	if _, err := bump(rooms, 2); err != nil {
		t.Error(err)
	}
	if end, err := rooms.End(t.Context()); end != 3 || err != nil {
		t.Errorf("the log ends at %d, %v", end, err)
	}
}
