package agent_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// BenchmarkOperation is an operation over the bus, from an operator through the agent: on the
// process collector, with all that it takes to end a process and to start the next one. To
// compare it with, op=none is a request that a client answers at once.
//
// p50-µs and p99-µs are of the operator's wait. That for op=start begins with the request
// and ends when the new process has registered.
func BenchmarkOperation(b *testing.B) {
	path := socketOf(b)
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	startOn(b, agent.Options{Config: at(path), Command: []string{self, "collector"}, Collectors: collect(process.Name)})
	client, err := ipc.DialOptions(b.Context(), ipc.ClientOptions{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	responder, err := client.Respond(b.Context(), "events.none", func(context.Context, *router.Request) ([]byte, error) { return nil, nil })
	if err != nil {
		b.Fatal(err)
	}
	defer responder.Close()
	call := func(b *testing.B, op control.Operation) {
		if _, err := control.Call(b.Context(), client, control.OperationTarget, control.Request{Operation: op, Target: process.Name}, nil); err != nil {
			b.Fatal(err)
		}
	}
	measure := func(name string, f func(*testing.B), undo control.Operation) {
		b.Run("op="+name, func(b *testing.B) {
			var all []time.Duration
			for b.Loop() {
				if undo != "" {
					call(b, undo)
				}
				began := time.Now()
				f(b)
				all = append(all, time.Since(began))
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)/2])/1e3, "p50-µs")
			b.ReportMetric(float64(all[len(all)*99/100])/1e3, "p99-µs")
		})
	}
	measure("none", func(b *testing.B) {
		if _, err := client.Request(b.Context(), "events.none", nil); err != nil {
			b.Fatal(err)
		}
	}, "")
	for _, x := range []struct{ op, undo control.Operation }{
		{control.OpHealthCheck, ""}, {control.OpResume, control.OpPause}, {control.OpRestart, ""}, {control.OpStart, control.OpStop},
	} {
		measure(string(x.op), func(b *testing.B) { call(b, x.op) }, x.undo)
	}
}
