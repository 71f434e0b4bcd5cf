package app

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// metrics are the corridor's instruments. Names are greenroom_<package>_<thing>_<unit>.
type metrics struct {
	registry *prometheus.Registry
	own      []prometheus.Collector // ours of what is registered, for the reference

	commit   prometheus.Histogram
	sequence prometheus.Histogram
	publish  prometheus.Histogram
	transfer *prometheus.HistogramVec
	handle   *prometheus.HistogramVec
	endToEnd *prometheus.HistogramVec
	passed   *prometheus.CounterVec
	project  *prometheus.CounterVec
	direct   directCalls
	hooks    *prometheus.CounterVec
	unclaim  *prometheus.CounterVec
	drops    *prometheus.CounterVec
	calls    *prometheus.HistogramVec
	redeliv  prometheus.Counter
	refused  *prometheus.CounterVec
	crowded  *prometheus.CounterVec
	hot      *prometheus.CounterVec
	chart    *prometheus.CounterVec
	audience *prometheus.CounterVec
	behind   behind
	fleetMetrics

	at map[passageKey]instruments // read-only
}

// hop is the histogram of one hop: from half a millisecond to half a minute.
func hop(name, help string) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 17)}
}

func newMetrics() *metrics {
	m := &metrics{
		registry:     prometheus.NewRegistry(),
		commit:       prometheus.NewHistogram(hop("greenroom_command_commit_seconds", "From the command's acceptance to its durable commit.")),
		sequence:     prometheus.NewHistogram(hop("greenroom_relay_sequence_seconds", "From commit to the event's feed_seq.")),
		publish:      prometheus.NewHistogram(hop("greenroom_relay_publish_seconds", "From commit to the broker's acknowledgement.")),
		transfer:     prometheus.NewHistogramVec(hop("greenroom_project_transfer_seconds", "From the courier's start (publish, or commit for a direct call) to the C side's entrance."), []string{"courier"}),
		handle:       prometheus.NewHistogramVec(hop("greenroom_project_handle_seconds", "From the C side's entrance to the stored view."), []string{"courier"}),
		endToEnd:     prometheus.NewHistogramVec(hop("greenroom_query_visible_seconds", "From commit to the answer that viewers get, by the courier that came first."), []string{"courier"}),
		passed:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "greenroom_station_passed_total", Help: "Events that passed a station."}, []string{"station", "courier"}),
		project:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "greenroom_project_events_total", Help: "What the projector met: gap, duplicate, parked, healed, catch-up."}, []string{"what"}),
		direct:       newDirectCalls(),
		fleetMetrics: newFleetMetrics(),
		hooks:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "greenroom_hooks_callbacks_total", Help: "Media-server callbacks by what came of them."}, []string{"server", "call", "result"}),
		unclaim:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "greenroom_mediaserver_polled_total", Help: "Streams found by polling, by what came of them."}, []string{"server", "result"}),
		drops:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "greenroom_mediaserver_drops_total", Help: "Orders to drop a stream that holds no session, by what came of them."}, []string{"server", "result"}),
		calls:        prometheus.NewHistogramVec(hop("greenroom_commandapi_call_seconds", "Calls of the B side."), []string{"procedure", "code"}),
		redeliv:      prometheus.NewCounter(prometheus.CounterOpts{Name: "greenroom_project_redelivered_total", Help: "Events the broker handed over again."}),
		hot:          newHotCounter(),
		chart:        newChartCounter(),
		audience:     newAudienceCounter(),
		behind:       newBehind(),
	}
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "greenroom_shed_refused_total", Help: "Viewers' requests refused: the node is asked too much (overload), or this client asks too often (rate)."}, []string{"class", "why"})
	m.crowded = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "greenroom_limit_refused_total", Help: "Connections and feeds of viewers refused because their client holds as many as one may."}, []string{"what"})
	m.register(m.refused, m.crowded, m.commit, m.sequence, m.publish, m.transfer, m.handle, m.endToEnd, m.passed, m.project, m.direct.dropped, m.direct.open, m.hooks, m.unclaim, m.drops, m.calls, m.redeliv, m.hot, m.chart)
	m.register(m.leads, m.fenced, m.followed, m.forwarded, m.internal, m.asked)
	m.register(m.audience)
	m.register(m.behind.rooms, m.behind.calls, m.behind.open, m.behind.damaged)
	m.at = m.resolve()
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, what := range []string{"gap", "duplicate", "parked", "healed", "catch-up"} {
		m.project.WithLabelValues(what) // a counter that stands at zero can be alarmed on
	}
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// called counts a call of the B side.
func (m *metrics) called(procedure, code string, took time.Duration) {
	m.calls.WithLabelValues(procedure, code).Observe(took.Seconds())
}

func (m *metrics) register(own ...prometheus.Collector) {
	m.registry.MustRegister(own...)
	m.own = append(m.own, own...)
}

// gauge adds an instrument that is read when somebody asks.
func (m *metrics) gauge(name, help string, read func() float64) {
	m.register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// watch adds the gauges of a whole corridor.
func (m *metrics) watch(h *Corridor, l1 interface{ Len() int }) {
	var relays current[relaying]
	var projections current[projection]
	var v *viewing
	if h != nil {
		relays.Store(h.relaying)
		projections.Store(h.projection)
		v = h.viewing
	}
	m.watchRelaying(&relays)
	m.watchProjection(&projections)
	m.watchViewing(v, l1)
}

// current is a part that this process runs now, or does not: the work of a leader.
type current[T any] struct{ atomic.Pointer[T] }

// gauge is what the part says; 0 when it is not here.
func (c *current[T]) gauge(say func(*T) float64) func() float64 {
	return func() float64 {
		if part := c.Load(); part != nil {
			return say(part)
		}
		return 0
	}
}

func (m *metrics) watchRelaying(c *current[relaying]) {
	m.gauge("greenroom_relay_published_seq", "Newest feed_seq the broker has acknowledged; 0 in a process that is not the log's sequencer.", c.gauge(func(r *relaying) float64 {
		return float64(r.Relay.Published())
	}))
}

func (m *metrics) watchProjection(c *current[projection]) {
	m.gauge("greenroom_project_contiguous_seq", "End of the gapless feed; 0 in a process that is not the projector of its zone.", c.gauge(func(p *projection) float64 {
		return float64(p.Projector.At().Contiguous)
	}))
}

func (m *metrics) watchViewing(v *viewing, l1 interface{ Len() int }) {
	m.gauge("greenroom_project_proven_age_seconds", "How long ago what viewers are shown was proven to be everything committed.", func() float64 {
		return time.Since(v.fresh.ProvenAt()).Seconds()
	})
	m.gauge("greenroom_query_hot_kept_rooms", "Rooms that are kept warm because they are hot at this node or at another.", func() float64 { return float64(v.Reads.HotKept()) })
	m.register(newHotRanks(func() []query.HotRoom { return v.Reads.Hot() }))
	m.gauge("greenroom_feed_following_watchers", "Who follows the feed, over HTTP and gRPC.", func() float64 { return float64(v.Feed.Audience().Following.Load()) })
	m.register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "greenroom_feed_cut_total", Help: "Watchers that were cut because they did not take what there was for them."},
		func() float64 { return float64(v.Feed.Audience().Cut.Load()) }))
	m.gauge("greenroom_query_counted_rooms", "Broadcasts whose audience this node has been told of.", func() float64 { return float64(v.Reads.CountedSessions()) })
	m.gauge("greenroom_query_late_rooms", "Rooms whose place in the live list by viewers lags behind their number, because more rooms moved than may at a time.", func() float64 { return float64(v.Reads.LateRooms()) })
	m.watchAudience(v)
	m.gauge("greenroom_query_resident_rooms", "Rooms in L1.", func() float64 { return float64(l1.Len()) })
	m.gauge("greenroom_search_indexed_rooms", "Rooms in the index of the search.", func() float64 { return float64(v.Search.Index.Len()) })
	m.gauge("greenroom_search_waiting_rooms", "Rooms whose changes the index has not taken in yet.", func() float64 { return float64(v.Search.Waiting()) })
	m.gauge("greenroom_speak_known_people", "Entries of people, of all rooms, that the node judges by; 0 too while it has not heard of them yet.", func() float64 { n, _ := courtSize(v); return float64(n) })
	m.gauge("greenroom_speak_ruled_rooms", "Rooms with rules of speech that the node judges by.", func() float64 { _, n := courtSize(v); return float64(n) })
	m.gauge("greenroom_roster_follower_seq", "Position of the feed up to which the node has heard of people and rules; behind the feed's end for long is an alarm.", func() float64 { return float64(v.Roster.Seq()) })
}

// instruments of one station and courier.
type instruments struct {
	count   prometheus.Counter
	seconds prometheus.Observer // nil: nothing to time
}

type passageKey struct {
	station station.Name
	courier station.Courier
}

// resolve looks the labels of all passages up beforehand: an event passes some ten times, and looking them up
// each time is most of what counting costs.
func (m *metrics) resolve() map[passageKey]instruments {
	all := map[passageKey]instruments{}
	for _, stop := range station.Corridor {
		couriers := []station.Courier{""}
		switch stop.Station {
		case station.Received, station.Applied, station.Visible:
			couriers = []station.Courier{station.Queue, station.Direct, station.CatchUp}
		}
		for _, c := range couriers {
			all[passageKey{stop.Station, c}] = m.instruments(stop.Station, c)
		}
	}
	return all
}

func (m *metrics) instruments(at station.Name, by station.Courier) instruments {
	all := instruments{count: m.passed.WithLabelValues(string(at), string(by))}
	switch at {
	case station.Committed:
		all.seconds = m.commit
	case station.Sequenced:
		all.seconds = m.sequence
	case station.Published:
		all.seconds = m.publish
	case station.Received:
		all.seconds = m.transfer.WithLabelValues(string(by))
	case station.Applied:
		all.seconds = m.handle.WithLabelValues(string(by))
	case station.Visible:
		all.seconds = m.endToEnd.WithLabelValues(string(by))
	}
	return all
}

// Passed is station.Observer.
func (m *metrics) Passed(p station.Passage) {
	at, known := m.at[passageKey{p.Station, p.Courier}]
	if !known { // a courier that nobody thought of here must not end the process
		at = m.instruments(p.Station, p.Courier)
	}
	at.count.Inc()
	if at.seconds == nil {
		return
	}
	from := p.Event.CommittedAt
	switch {
	case p.Station == station.Committed:
		from = p.Event.OccurredAt
	case p.Station == station.Received && p.Courier == station.Queue:
		from = p.Event.PublishedAt
	case p.Station == station.Applied:
		from = p.ReceivedAt
	}
	at.seconds.Observe(p.At.Sub(from).Seconds())
}

// observers hear one after the other.
type observers []station.Observer

// Passed is station.Observer.
func (o observers) Passed(p station.Passage) {
	for _, one := range o {
		one.Passed(p)
	}
}
