package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRoomsKeepTheContract(t *testing.T) {
	storetest.Rooms(t, func(*testing.T) storetest.RoomsLevers {
		rooms := memory.NewRooms("memory")
		return storetest.RoomsLevers{Store: rooms, Reopen: func() storetest.RoomsStore { return rooms }}
	})
}
