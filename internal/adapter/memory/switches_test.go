package memory_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/switchtest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

func TestSwitches(t *testing.T) {
	switchtest.Store(t, func(*testing.T) switches.Store { return memory.NewSwitches() })
}
