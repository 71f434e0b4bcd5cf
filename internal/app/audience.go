package app

import (
	"github.com/prometheus/client_golang/prometheus"

	counting "github.com/greenroomlive/greenroom/internal/flow/audience"
)

// exchange carries what each viewer node counts to the others.
type exchange = counting.Exchange

// newCounting counts the audience of this node: of the broadcasts that its reads know to be on air, for its cards and
// lists.
func newCounting(c CorridorConfig, v *viewing) *counting.Engine {
	return counting.New(counting.Config{Sessions: v.Reads, Sink: v.Reads, Exchange: c.Audience, Now: c.Clock, Count: c.CountAudience})
}

// newListener hears what the viewers' nodes count; nil when there is no way to them.
func newListener(c CorridorConfig) *counting.Listener {
	if c.Overheard == nil {
		return nil
	}
	return counting.NewListener(c.Overheard, c.Clock)
}

func newAudienceCounter() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "greenroom_audience_events_total",
		Help: "What viewers said (heartbeats taken, off-air for rooms that are not on air, refused by a full node), and the pages by which nodes tell each other (lost and dropped ones are told again; damaged are sketches of other nodes).",
	}, []string{"what"})
	for _, what := range counting.Counts {
		c.WithLabelValues(what)
	}
	return c
}

func (m *metrics) countAudience(what string, n int) {
	m.audience.WithLabelValues(what).Add(float64(n))
}

func (m *metrics) watchAudience(v *viewing) {
	m.gauge("greenroom_audience_online_watchers", "Viewers online at this node, as of the last second.", func() float64 { return float64(v.Counting.Online()) })
	m.gauge("greenroom_audience_known_rooms", "Rooms whose audience this node merges, its own and those of other nodes.", func() float64 { return float64(v.Counting.Known()) })
}
