package memory_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/leasetest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

func TestLeasesKeepTheContract(t *testing.T) {
	leasetest.Leases(t, func(*testing.T) lead.Leases { return memory.NewLeases() })
}
