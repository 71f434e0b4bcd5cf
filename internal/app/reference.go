package app

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// Metric describes one instrument of /metrics for the reference.
type Metric struct {
	Name   string
	Kind   string // "counter", "gauge" or "histogram"
	Help   string
	Labels []string
}

// MetricsReference lists Greenroom's own instruments by name. It asks the instruments themselves, so
// that no list has to be kept beside them.
func MetricsReference() ([]Metric, error) {
	m := newMetrics()
	m.watch(nil, nil) // described only: nobody reads these gauges
	m.watchQueue(nil)
	m.watchSwitches(switches.New(switches.Config{}))
	out := make([]Metric, 0, len(m.own))
	for _, c := range m.own {
		descs := make(chan *prometheus.Desc, 1)
		c.Describe(descs)
		d, err := describe(<-descs)
		if err != nil {
			return nil, err
		}
		d.Kind = kind(c, d.Name)
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func kind(c prometheus.Collector, name string) string {
	switch c.(type) {
	case *prometheus.HistogramVec, prometheus.Histogram:
		return "histogram"
	case *prometheus.CounterVec, prometheus.Counter:
		return "counter"
	}
	if strings.HasSuffix(name, "_total") { // a CounterFunc and a GaugeFunc are one type
		return "counter"
	}
	return "gauge"
}

// descText is how a Desc prints itself; it has no other way to tell.
var descText = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), unit: "[^"]*", constLabels: \{\}, variableLabels: \{(.*)\}\}$`)

func describe(d *prometheus.Desc) (Metric, error) {
	parts := descText.FindStringSubmatch(d.String())
	if parts == nil {
		return Metric{}, fmt.Errorf("a metric describes itself in an unknown way: %s", d)
	}
	var m Metric
	if _, err := fmt.Sscanf(parts[1]+" "+parts[2], "%q %q", &m.Name, &m.Help); err != nil {
		return Metric{}, fmt.Errorf("metric %s: %w", d, err)
	}
	if parts[3] != "" {
		m.Labels = strings.Split(parts[3], ",")
	}
	return m, nil
}
