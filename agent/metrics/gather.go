// Package metrics shows the agent's status to Prometheus: the same counters that a
// status has, in its text format, over HTTP on the loopback interface or on a Unix
// socket.
package metrics

import (
	"context"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
)

// Status returns how the agent is now.
type Status func(context.Context) (control.Status, error)

// statusTimeout bounds how long a status may take.
const statusTimeout = 5 * time.Second

// gather returns all metrics as text: one status, and the figures of this process.
func gather(ctx context.Context, status Status) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	s, err := status(ctx)
	if err != nil {
		return nil, err
	}
	p := &page{}
	for i := range table {
		m := &table[i]
		p.metric(namespace+m.name, m.help, m.kind, m.label, m.samples(&s))
	}
	p.latency(namespace+"delivery_latency_seconds", "Time from publishing a message to its delivery, of a sample of the messages.", &s.Broker.Latency)
	return p.b, p.process()
}
