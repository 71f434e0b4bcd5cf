package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/guard/breaker"
)

// directCalls are the instruments of the direct couriers. Which courier brought a version first stands in
// greenroom_station_passed_total at the station "applied".
type directCalls struct {
	dropped *prometheus.CounterVec
	open    *prometheus.GaugeVec
}

func newDirectCalls() directCalls {
	return directCalls{
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "greenroom_relay_direct_dropped_total",
			Help: "Events the direct courier of a zone left to the queue: too many waited (queue full), the zone failed too often (breaker open) or this time (call failed), or operators want it so (switched off).",
		}, []string{"zone", "why"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "greenroom_relay_direct_open_ratio",
			Help: "State of the breaker in front of the direct calls of a zone: 0 closed, 0.5 a probe is under way, 1 open.",
		}, []string{"zone"}),
	}
}

// known makes the instruments of a zone, all at zero so that they can be alarmed on.
func (d directCalls) known(zone string) {
	for _, why := range relay.Drops() {
		d.dropped.WithLabelValues(zone, why)
	}
	d.open.WithLabelValues(zone)
}

// left is relay.DirectConfig's Dropped.
func (d directCalls) left(zone string, n int, why string) {
	d.dropped.WithLabelValues(zone, why).Add(float64(n))
}

// state is relay.DirectConfig's Breaker.
func (d directCalls) state(zone string, s breaker.State) {
	d.open.WithLabelValues(zone).Set(openRatio(s))
}

// openRatio shows a breaker on a graph.
func openRatio(s breaker.State) float64 {
	return map[breaker.State]float64{breaker.HalfOpen: 0.5, breaker.Open: 1}[s]
}
