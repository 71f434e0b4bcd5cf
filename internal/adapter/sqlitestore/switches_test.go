package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/switchtest"
	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

func TestSwitches(t *testing.T) {
	switchtest.Store(t, func(t *testing.T) switches.Store {
		rooms, err := sqlitestore.OpenRooms(filepath.Join(t.TempDir(), "room_b.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := rooms.Close(); err != nil {
				t.Error(err)
			}
		})
		return rooms
	})
}
