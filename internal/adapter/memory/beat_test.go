package memory_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
)

func TestBeatsKeepTheContract(t *testing.T) {
	bustest.RunBeats(t, func(*testing.T) bustest.Pulse { return memory.NewBus(memory.BusConfig{}) })
}
