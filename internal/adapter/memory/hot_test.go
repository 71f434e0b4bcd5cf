package memory_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

func TestHotWordsKeepTheContract(t *testing.T) {
	bustest.RunHot(t, func(*testing.T) func() query.Announcer {
		var air memory.HotWords
		return func() query.Announcer { return air.Node() }
	})
}
