package memory_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/indextest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

func TestIndex(t *testing.T) {
	indextest.Run(t, func() search.Index { return memory.NewIndex() })
}
