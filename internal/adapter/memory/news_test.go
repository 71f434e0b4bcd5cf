package memory_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
)

func TestNewsKeepTheContract(t *testing.T) {
	bustest.RunNews(t, func(*testing.T) func() follow.News {
		var zone memory.News
		return func() follow.News { return &zone }
	})
}
