package app

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

// fleetMetrics are the instruments that only the processes of a fleet move.
type fleetMetrics struct {
	leads     *prometheus.GaugeVec
	fenced    *prometheus.CounterVec
	followed  *prometheus.CounterVec
	forwarded *prometheus.CounterVec
	internal  *prometheus.HistogramVec
	asked     *prometheus.CounterVec
}

func newFleetMetrics() fleetMetrics {
	f := fleetMetrics{
		leads: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "greenroom_lead_term_seq", Help: "Term of the lease that this process holds, by lease; 0: it does not hold it. More than one process with a term for long is an alarm.",
		}, []string{"lease"}),
		fenced: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "greenroom_lead_fenced_total", Help: "Writes that were refused because another process had taken over, by lease.",
		}, []string{"lease"}),
		followed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "greenroom_follow_told_total", Help: "What following room_c brought: cards, rows (of the feed), resets (all that was known became void), fails (looks without an answer).",
		}, []string{"what"}),
		forwarded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "greenroom_forward_requests_total", Help: "Requests forwarded to the home zone, by its address and by what came of them: ok, or the code of our own refusal.",
		}, []string{"home", "result"}),
		internal: prometheus.NewHistogramVec(hop("greenroom_internalapi_call_seconds",
			"Calls of other processes of the house. UNAUTHENTICATED without a method: somebody lacks the internal secret."), []string{"method", "code"}),
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "greenroom_directcall_calls_total", Help: "Calls of other processes of the house, each endpoint that was tried, by what was called (zone:NAME or source) and how it ended.",
		}, []string{"peer", "code"}),
	}
	for _, what := range follow.Counted() {
		f.followed.WithLabelValues(what)
	}
	return f
}

// leading hears when this process begins and ends to hold a lease.
func (f fleetMetrics) leading(lease string) func(leads bool, term lead.Term) {
	f.fenced.WithLabelValues(lease)
	at := f.leads.WithLabelValues(lease)
	return func(leads bool, term lead.Term) {
		if !leads {
			term = 0
		}
		at.Set(float64(term))
	}
}

func (f fleetMetrics) countFollowed(what string, n int) {
	f.followed.WithLabelValues(what).Add(float64(n))
}

func (f fleetMetrics) countForwarded(home, result string) {
	f.forwarded.WithLabelValues(home, result).Inc()
}

// calledInside counts a call of another process of the house.
func (f fleetMetrics) calledInside(method, code string, took time.Duration) {
	f.internal.WithLabelValues(method[strings.LastIndexByte(method, '/')+1:], code).Observe(took.Seconds())
}

// asks counts what becomes of calls to a peer.
func (f fleetMetrics) asks(peer string) func(code string) {
	return func(code string) { f.asked.WithLabelValues(peer, code).Inc() }
}
