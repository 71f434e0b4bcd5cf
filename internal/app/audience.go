package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	counting "github.com/greenroomlive/greenroom/internal/flow/audience"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// exchange carries what each viewer node counts to the others.
type exchange = counting.Exchange

// newCounting counts the audience of this node: of the broadcasts that its reads know to be on air, for its cards and
// lists.
func newCounting(c CorridorConfig, v *viewing, charts query.History) *counting.Engine {
	return counting.New(counting.Config{
		Sessions: v.Reads, Sink: v.Reads, Exchange: c.Audience, Past: past{charts}, Now: c.Clock, Count: c.CountAudience,
	})
}

// past is what the charts have kept of audiences, minute by minute.
type past struct{ charts query.History }

// Peak is audience.Past.
func (p past) Peak(ctx context.Context, room ident.RoomID, session ident.SessionID) (peak int64, err error) {
	endless := time.Unix(1<<40, 0)
	for from := (time.Time{}); ; {
		points, err := p.charts.Points(ctx, room, session, from, endless, query.MaxPoints)
		for i := range points {
			peak = max(peak, points[i].Peak)
		}
		if err != nil || len(points) < query.MaxPoints {
			return peak, err
		}
		from = points[len(points)-1].AsOf.Add(time.Minute)
	}
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
		Help: "What viewers said (heartbeats taken, off-air for rooms that are not on air, refused by a full node), and the pages by which nodes tell each other (lost and dropped ones are told again; damaged are sketches of other nodes); peaks of before a restart that were recalled from the charts, or could not be (forgotten).",
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
