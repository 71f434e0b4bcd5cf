package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/greenroomlive/greenroom/internal/flow/chart"
)

func newChartCounter() *prometheus.CounterVec {
	points := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "greenroom_chart_points_total", Help: "Points of the audiences' charts, one for each session and minute: stored in room_c, or lost because it could not be written.",
	}, []string{"what"})
	for _, what := range chart.Outcomes() {
		points.WithLabelValues(what) // a counter that stands at zero can be alarmed on
	}
	return points
}

func (m *metrics) countChart(what string, n int) { m.chart.WithLabelValues(what).Add(float64(n)) }
