package mysqlstore_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// TestManyNodesMigrateAtOnce: each step is run once, by one of them, and all of them go on when it is done.
func TestManyNodesMigrateAtOnce(t *testing.T) {
	for _, side := range []mysqlstore.Side{mysqlstore.SideB, mysqlstore.SideC} {
		dsn := emptyDatabase(t)
		var mu sync.Mutex
		steps := map[int64]int{}
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				did, err := mysqlstore.Migrate(t.Context(), dsn, side)
				if err != nil {
					t.Errorf("room_%s: %v", side, err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, s := range did {
					steps[s.Version]++
				}
			})
		}
		all.Wait()
		if steps[1] != 1 {
			t.Errorf("room_%s: the steps were run so often: %v", side, steps)
		}
		again, err := mysqlstore.Migrate(t.Context(), dsn, side)
		if err != nil || len(again) != 0 {
			t.Errorf("room_%s: what is migrated was migrated again: %v, %v", side, again, err)
		}
	}
}

func TestMigrateSaysThatTheServerIsGone(t *testing.T) {
	_, err := mysqlstore.Migrate(t.Context(), "root@tcp(127.0.0.1:1)/room_b", mysqlstore.SideB)
	if !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("without a server: %v", err)
	}
}
