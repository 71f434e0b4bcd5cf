package mysqlstore_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/switchtest"
	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

func TestSwitches(t *testing.T) {
	switchtest.Store(t, func(t *testing.T) switches.Store { return openRooms(t, database(t, mysqlstore.SideB)) })
}
