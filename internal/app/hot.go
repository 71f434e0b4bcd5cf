package app

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// hotRankSeries is how many hot rooms /metrics shows.
const hotRankSeries = 10

// hotRanks is the gauge of the most read rooms. Its label is the rank and not the room: ten series, however
// many rooms are hot in a year. Which room has the rank, `greenroom hot` says.
type hotRanks struct {
	desc *prometheus.Desc
	hot  func() []query.HotRoom
}

func newHotRanks(hot func() []query.HotRoom) hotRanks {
	return hotRanks{prometheus.NewDesc("greenroom_query_hot_reads_per_second",
		"Reads of the hot rooms of this node, estimated, by rank: 1 is the most read. 0: fewer rooms are hot.", []string{"rank"}, nil), hot}
}

// Describe is prometheus.Collector.
func (c hotRanks) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect is prometheus.Collector.
func (c hotRanks) Collect(to chan<- prometheus.Metric) {
	hot := c.hot()
	for i := range hotRankSeries {
		rate := 0.0
		if i < len(hot) {
			rate = hot[i].ReadsPerSecond
		}
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, rate, strconv.Itoa(i+1))
	}
}

func newHotCounter() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "greenroom_query_hot_rooms_total",
		Help: "Hot rooms: announced to the other nodes, heard of from them, warmed before anybody here asked, failed (tried again).",
	}, []string{"what"})
	for _, what := range []string{query.HotAnnounced, query.HotHeard, query.HotWarmed, query.HotFailed} {
		c.WithLabelValues(what)
	}
	return c
}

func (m *metrics) countHot(what string, rooms int) {
	m.hot.WithLabelValues(what).Add(float64(rooms))
}

// ListHot serves commandapi.Ops.
func (o *operations) ListHot(context.Context) (*opsv1.ListHotResponse, error) {
	out := &opsv1.ListHotResponse{HotFrom: int64(o.Reads.HotFrom())}
	for _, h := range o.Reads.Hot() {
		m := &opsv1.HotRoom{RoomId: int64(h.ID), ReadsPerSecond: int64(h.ReadsPerSecond), Since: wire.Time(h.Since)}
		if h.Entry != nil {
			card, err := wire.UnmarshalAnswer(h.Entry.Proto)
			if err != nil {
				return nil, err
			}
			m.Title = card.Title
		}
		out.Rooms = append(out.Rooms, m)
	}
	return out, nil
}
