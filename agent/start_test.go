package agent_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
)

// TestAnAgentMayBeStoppedAtAnyTime ends the context at each step of the start:
// always an orderly end, and nothing is left behind.
func TestAnAgentMayBeStoppedAtAnyTime(t *testing.T) {
	type hooks = *agent.Options
	tests := []struct {
		name string
		when func(o hooks, stop func())
	}{
		{"before it begins", func(_ hooks, stop func()) { stop() }},
		{"when it listens", func(o hooks, stop func()) { o.Listening = func(string) { stop() } }},
		{"when it is ready", func(o hooks, stop func()) { o.Ready = func(control.Status) { stop() } }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			o := agent.Options{Config: at(socket(t)), Command: command(t), Collectors: collect("echo")}
			tt.when(&o, stop)
			a, err := agent.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Run(ctx); err != nil {
				t.Errorf("Run = %v", err)
			}
			if _, err := os.Stat(o.Config.Broker.SocketPath); !os.IsNotExist(err) {
				t.Errorf("the socket is left behind: %v", err)
			}
		})
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	tests := []struct {
		name string
		o    agent.Options
	}{
		{"collectors without a program", agent.Options{Collectors: collect("echo")}},
		{"a collector twice", agent.Options{Command: []string{"x"}, Collectors: collect("echo", "echo")}},
		{"less memory than a message", agent.Options{Config: configured(func(c *config.Config) { c.Broker.MaxMemoryBytes = 1000 })}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := agent.New(tt.o); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestTheLeastMemoryIsThatOfAMessage(t *testing.T) {
	r := start(t, agent.Options{Config: configured(func(c *config.Config) { c.Broker.MaxMemoryBytes = 1 << 20 })})
	if got := status(t, r.dial(ipc.ClientOptions{})).Broker.MaxBufferBytes; got != 1<<20 {
		t.Errorf("memory is bounded to %d", got)
	}
}

// TestTheLatencyBudgetReachesBrokerAndCollectors looks at what both were given.
func TestTheLatencyBudgetReachesBrokerAndCollectors(t *testing.T) {
	tests := []struct {
		name string
		c    *config.Config
		want time.Duration
	}{
		{"by default", nil, 500 * time.Microsecond},
		{"as set", configured(func(c *config.Config) { c.Broker.LatencyBudget = 2 * time.Millisecond }), 2 * time.Millisecond},
		{"none", configured(func(c *config.Config) { c.Broker.LatencyBudget = 0 }), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := agent.Options{Config: tt.c, Collectors: collect("echo")}
			o.Command = command(t)
			a, err := agent.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if got := agent.BrokerOptions(a).LatencyBudget; got != tt.want {
				t.Errorf("the broker's is %v, want %v", got, tt.want)
			}
			r := start(t, o)
			want := control.ChildConfig{Collector: "echo", Socket: r.socket, Budget: tt.want}
			got := parse[control.ChildConfig](t, []byte(r.ready.Collectors[0].Source))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("configuration of the collector (-want +got):\n%s", diff)
			}
		})
	}
}
