package memory_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
	"github.com/greenroomlive/greenroom/internal/adapter/memory"
)

func TestChartsKeepTheContract(t *testing.T) {
	storetest.Chart(t, func(*testing.T) (storetest.ChartStore, func() storetest.ChartStore) {
		views := memory.NewViews()
		return views, func() storetest.ChartStore { return views }
	})
}
