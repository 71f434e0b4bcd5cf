package app

import (
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// Each passage is counted and timed, also one by a courier that the metrics were not made for.
func TestEveryPassageIsCounted(t *testing.T) {
	m := newMetrics()
	now := time.Now()
	e := event.RoomEvent{OccurredAt: now, CommittedAt: now, PublishedAt: now}
	couriers := []station.Courier{station.Queue, station.Direct, station.CatchUp, station.StateTransfer, "pigeon"}
	for _, stop := range station.Corridor {
		for _, by := range couriers {
			m.Passed(station.Passage{Station: stop.Station, Courier: by, Event: &e, ReceivedAt: now, At: now})
		}
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted, timed := 0.0, uint64(0)
	for _, f := range families {
		for _, one := range f.GetMetric() {
			switch f.GetName() {
			case "greenroom_station_passed_total":
				counted += one.GetCounter().GetValue()
			case "greenroom_query_visible_seconds":
				timed += one.GetHistogram().GetSampleCount()
			}
		}
	}
	if want := len(station.Corridor) * len(couriers); int(counted) != want || int(timed) != len(couriers) {
		t.Errorf("%v passages are counted and %d are timed to the viewers, want %d and %d", counted, timed, want, len(couriers))
	}
}
