package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
)

func TestRoomsKeepTheContract(t *testing.T) {
	storetest.Rooms(t, func(t *testing.T) storetest.RoomsLevers {
		path := filepath.Join(t.TempDir(), "room_b.db")
		rooms := openRooms(t, path)
		return storetest.RoomsLevers{Store: rooms, AtCommit: true, Reopen: func() storetest.RoomsStore {
			if err := rooms.Close(); err != nil {
				t.Fatal(err)
			}
			rooms = openRooms(t, path)
			return rooms
		}}
	})
}

// openRooms opens the file until the test ends. Closing twice does nothing.
func openRooms(t testing.TB, path string) *sqlitestore.Rooms {
	t.Helper()
	rooms, err := sqlitestore.OpenRooms(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rooms.Close() })
	return rooms
}
