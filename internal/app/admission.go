package app

import (
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/greenroomlive/greenroom/internal/door/queryapi"
	"github.com/greenroomlive/greenroom/internal/guard/limit"
	"github.com/greenroomlive/greenroom/internal/guard/shed"
)

// Admission are the flags that say who gets in at the viewers' door when not all can.
type Admission struct {
	QueueDelay     time.Duration  `default:"20ms" help:"Viewers' side: requests that wait longer than this before they are read make the node refuse the less urgent ones. 0: never."`
	ClientRate     float64        `default:"0" help:"Viewers' side: requests per second that one client may make. 0: no limit."`
	ClientBurst    int            `default:"0" help:"How many of them at once. 0: those of two seconds."`
	ClientConns    int            `default:"1000" help:"Viewers' side: connections and feeds that one client may hold at a time. Trusted proxies and this machine hold any number. 0: no limit."`
	TrustedProxies []netip.Prefix `placeholder:"NETWORK" help:"Proxies whose X-Forwarded-For says who the client is. Default: none, the client is who connects."`
}

// admissions makes the guards of the viewers' door, and the canary that tells them how long requests wait.
func (f Admission) admissions(m *metrics) (*queryapi.Admissions, *shed.Canary) {
	a := &queryapi.Admissions{Proxies: f.TrustedProxies, Refused: func(class shed.Class, why string) {
		m.refused.WithLabelValues(class.String(), why).Inc()
	}}
	if f.ClientConns > 0 {
		a.Places = limit.NewPlaces(f.ClientConns, f.TrustedProxies, thisMachine())
		a.Crowded = func(what string) { m.crowded.WithLabelValues(what).Inc() }
	}
	if f.ClientRate > 0 {
		burst := f.ClientBurst
		if burst <= 0 {
			burst = int(2 * f.ClientRate)
		}
		a.Limit = limit.New(f.ClientRate, burst)
	}
	if f.QueueDelay <= 0 {
		return a.Open(), nil
	}
	a.Shed = shed.New(f.QueueDelay)
	m.watchQueue(a.Shed)
	return a.Open(), &shed.Canary{Shedder: a.Shed}
}

// thisMachine is where proxies in front and tools that make load connect from.
func thisMachine() limit.Proxies {
	return limit.Proxies{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// watchQueue adds the gauges of the viewers' queue.
func (m *metrics) watchQueue(s *shed.Shedder) {
	m.register(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "greenroom_shed_delay_seconds", Help: "How long a viewer's request waits before it is read: the shortest wait of the last 20 ms."}, func() float64 {
			return s.Delay().Seconds()
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "greenroom_shed_level_ratio", Help: "How much is refused, the least urgent class first: each of the four classes is a quarter."}, func() float64 {
			return s.Level() / float64(shed.Classes)
		}),
	)
}
