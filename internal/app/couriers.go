package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/guard/breaker"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
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

// switchStates is the gauge of how this process knows the switches to stand.
type switchStates struct {
	desc *prometheus.Desc
	now  func() switches.Snapshot
}

// Describe is prometheus.Collector.
func (c switchStates) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect is prometheus.Collector.
func (c switchStates) Collect(to chan<- prometheus.Metric) {
	now := c.now()
	for _, is := range switches.Registry() {
		stands := 0.0
		if now.On(is) {
			stands = 1
		}
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, stands, is.Name)
	}
}

func (m *metrics) watchSwitches(s *switches.Set) {
	m.register(switchStates{prometheus.NewDesc("greenroom_switches_on_ratio", "How a switch stands as far as this process knows: 1 on, 0 off.", []string{"switch"}, nil), s.Now},
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "greenroom_switches_read_age_seconds", Help: "How long ago this process read the switches; what was turned since it does not know.",
		}, func() float64 { return time.Since(s.ReadAt()).Seconds() }))
}
