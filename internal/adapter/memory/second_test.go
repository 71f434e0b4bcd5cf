package memory_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/l2test"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

func TestSecond(t *testing.T) {
	l2test.Second(t, func(*testing.T) query.Second { return memory.NewSecond() })
}
