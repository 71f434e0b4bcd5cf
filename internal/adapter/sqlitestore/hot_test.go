package sqlitestore_test

import (
	"errors"
	"path/filepath"
	"testing"

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
