// Package metrics shows the agent's status to Prometheus: the same counters that a
// status has, in its text format, over HTTP on the loopback interface or on a Unix
// socket.
package metrics

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/router"
)

// Status returns how the agent is now.
type Status func(context.Context) (control.Status, error)

// statusTimeout bounds how long a status may take.
const statusTimeout = 5 * time.Second

// collector makes metrics of a status, one status for each time that it is asked. Safe
// for concurrent use.
type collector struct {
	status  Status
	rows    []row // of table
	latency *prometheus.Desc
}

type row struct {
	metric *metric
	desc   *prometheus.Desc
}

func newCollector(status Status) *collector {
	c := &collector{status: status, latency: prometheus.NewDesc(
		namespace+"delivery_latency_seconds", "Time from publishing a message to its delivery, of a sample of the messages.", nil, nil)}
	for i := range table {
		m := &table[i]
		var labels []string
		if m.label != "" {
			labels = []string{m.label}
		}
		c.rows = append(c.rows, row{m, prometheus.NewDesc(namespace+m.name, m.help, labels, nil)})
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, r := range c.rows {
		to <- r.desc
	}
	to <- c.latency
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	s, err := c.status(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(c.latency, err)
		return
	}
	for _, r := range c.rows {
		for _, x := range r.metric.samples(&s) {
			if r.metric.label == "" {
				to <- prometheus.MustNewConstMetric(r.desc, r.metric.kind, x.value)
			} else {
				to <- prometheus.MustNewConstMetric(r.desc, r.metric.kind, x.value, strings.ToValidUTF8(x.label, "\uFFFD"))
			}
		}
	}
	to <- prometheus.MustNewConstHistogram(c.latency, s.Broker.Latency.Samples, s.Broker.Latency.Sum.Seconds(), buckets(&s.Broker.Latency))
}

// buckets are the cumulative buckets of a latency, by their bounds in seconds.
func buckets(l *router.Latency) map[float64]uint64 {
	all := map[float64]uint64{}
	for i, bound := range router.LatencyBounds() {
		n := uint64(0)
		if i < len(l.Buckets) {
			n = l.Buckets[i]
		}
		all[bound.Seconds()] = n
	}
	return all
}
