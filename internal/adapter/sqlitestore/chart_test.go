package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
)

func TestChartsKeepTheContract(t *testing.T) {
	storetest.Chart(t, func(t *testing.T) (storetest.ChartStore, func() storetest.ChartStore) {
		path := filepath.Join(t.TempDir(), "room_c.db")
		views := openViews(t, path)
		return views, func() storetest.ChartStore {
			if err := views.Close(); err != nil {
				t.Fatal(err)
			}
			return openViews(t, path)
		}
	})
}
