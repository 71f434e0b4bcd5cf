package mysqlstore_test

import (
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
)

func TestChartsKeepTheContract(t *testing.T) {
	storetest.Chart(t, func(t *testing.T) (storetest.ChartStore, func() storetest.ChartStore) {
		c := newRoomC(t)
		return c.lead(), func() storetest.ChartStore { return c.lead() }
	})
}
