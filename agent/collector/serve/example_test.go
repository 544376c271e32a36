package serve_test

import (
	"context"
	"log"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// heat is a collector of somebody else: it publishes how hot a GPU is.
type heat struct{}

func (heat) Name() string     { return "gpu" }
func (heat) Describe() string { return "a thermometer" }

func (heat) Run(ctx context.Context, emit collector.Emit) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			emit(collector.Message{Topic: "events.gpu.heat", Payload: []byte(`{"celsius":61}`)})
		}
	}
}

// The configuration of the agent names the collector: collectors: {external: {gpu: 990}}, where
// 990 is the user that this program runs as. It registers, beats, is paused and asked like one
// of the agent's own, and comes back by itself after the agent was restarted.
func ExampleExternal() {
	dial := func(ctx context.Context, state func(error)) (router.Bus, error) {
		return ipc.DialOptions(ctx, ipc.ClientOptions{Name: "gpu", Role: control.CollectorRole, OnState: state})
	}
	if err := serve.External(context.Background(), heat{}, dial, serve.Options{Version: "1.0"}); err != nil {
		log.Fatal(err)
	}
}
