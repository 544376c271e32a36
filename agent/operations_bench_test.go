package agent_test

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
)

// BenchmarkOperation is an operation over the bus, from an operator through the agent: on the
// process collector, with all that it takes to end a process and to start the next one.
func BenchmarkOperation(b *testing.B) {
	path := socket(b)
	ready := make(chan struct{})
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	a, err := agent.New(agent.Options{
		Config: at(path), Command: []string{self, "collector"}, Collectors: collect(process.Name),
		Ready: func(control.Status) { close(ready) }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }() // awaited below
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	<-ready
	client, err := ipc.DialOptions(b.Context(), ipc.ClientOptions{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for _, op := range []control.Operation{control.OpHealthCheck, control.OpPause, control.OpRestart} {
		b.Run("op="+string(op), func(b *testing.B) {
			for b.Loop() {
				q := control.Request{Operation: op, Target: process.Name}
				if _, err := control.Call(b.Context(), client, control.OperationTarget, q, nil); err != nil {
					b.Fatal(err)
				}
				if op != control.OpPause {
					continue
				}
				q.Operation = control.OpResume
				if _, err := control.Call(b.Context(), client, control.OperationTarget, q, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
