package event_test

import (
	"fmt"

	"github.com/daemoneye/eventbus/agent/event"
)

// A collector builds events into one buffer that it uses again; a subscriber
// reads the fields that it wants in place.
func Example() {
	var buf []byte
	buf = event.AppendProcess(buf[:0], &event.Process{
		Header:      event.Header{Operation: event.OpStart, PID: 4711, Collector: "process"},
		Name:        "sleep",
		CommandLine: "sleep\x001\x00",
	})

	v, err := event.Parse(buf)
	if err != nil {
		fmt.Println(err)
		return
	}
	if p, ok := v.Process(); ok {
		fmt.Printf("%s %s: pid %d runs %q\n", v.Type(), v.Operation(), p.PID(), p.CommandLine())
	}
	// Output: process start: pid 4711 runs "sleep 1"
}
