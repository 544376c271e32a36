// Package mix holds what a host does that nobody attacks: events of an ordinary server
// with packages, timers, cron, people, builds and containers. No rule that comes with
// the agent matches one of them, and what the engine costs an event is measured on them.
package mix

import (
	"bytes"
	_ "embed"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
)

// JSON are the events, a JSON object a line, as "rules test" reads them.
//
//go:embed ordinary.jsonl
var JSON []byte

// noon of 23 November 2026, a Monday, is when the first event happened. Each further one
// is a second later.
const noon = 1795435200_000000000

// Events returns the events in their binary form, in the order of the file.
func Events() (all []event.View, err error) {
	n := 0
	for line := range bytes.Lines(JSON) {
		n++
		b, err := ecs.Convert(nil, line, ecs.Foreign{
			Header: event.Header{PID: uint32(4000 + n), StartTicks: 99, WallNs: noon + int64(n)*int64(time.Second)},
			Origin: event.Origin{Host: "web-1"},
		})
		if err != nil {
			return nil, fmt.Errorf("mix: line %d: %w", n, err)
		}
		v, err := event.Parse(b)
		if err != nil {
			return nil, fmt.Errorf("mix: line %d: %w", n, err)
		}
		all = append(all, v)
	}
	return all, nil
}
