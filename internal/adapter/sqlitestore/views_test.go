package sqlitestore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

func TestViewsKeepTheContract(t *testing.T) {
	storetest.Views(t, func(t *testing.T) storetest.ViewsLevers {
		path := filepath.Join(t.TempDir(), "room_c.db")
		views := openViews(t, path)
		return storetest.ViewsLevers{
			Store: views, Forgets: true,
			Reopen: func() storetest.ViewsStore {
				if err := views.Close(); err != nil {
					t.Fatal(err)
				}
				views = openViews(t, path)
				return views
			},
			Lose: func() {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			},
			Refuse: func(id ident.RoomID) {
				other(t, path, fmt.Sprintf(`CREATE TRIGGER refuse BEFORE INSERT ON card WHEN NEW.room_id = %d
					BEGIN SELECT RAISE(ABORT, 'refused'); END`, id))
			},
		}
	})
}

// openViews opens the file until the test ends. Closing twice does nothing.
func openViews(t testing.TB, path string) *sqlitestore.Views {
	t.Helper()
	views, err := sqlitestore.OpenViews(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = views.Close() })
	return views
}
