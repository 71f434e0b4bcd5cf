package memory_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

func TestAudiencePagesKeepTheContract(t *testing.T) {
	bustest.RunAudience(t, func(*testing.T) func() audience.Exchange {
		var air memory.AudiencePages
		return func() audience.Exchange { return air.Node() }
	})
}
