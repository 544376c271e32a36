package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestMain runs the tests, or what a test has started this program as: a
// collector, or an agent that is to come to harm.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
		defer stop()
		switch os.Args[1] {
		case "collector":
			os.Exit(exit(runCollector(ctx, os.Args[2])))
		case "agent":
			os.Exit(exit(runAgent(ctx, os.Args[2])))
		case "stopped-agent":
			os.Exit(exit(runStoppedAgent(ctx, os.Args[2])))
		case "gpu-elsewhen":
			os.Exit(exit(runElsewhen(ctx, os.Args[2])))
		case "gpu":
			os.Exit(exit(runGPU(ctx, os.Args[2])))
		case "external-agent":
			os.Exit(exit(runExternalAgent(ctx, os.Args[2])))
		case "subscriber":
			os.Exit(exit(runSubscriber(ctx, os.Args[2])))
		case "starved-agent":
			os.Exit(exit(runStarvedAgent(ctx, os.Args[2])))
		case "broken-agent":
			os.Exit(exit(runBrokenAgent(ctx, os.Args[2])))
		}
	}
	// Under the race detector each process would sleep for a second at its end.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	goleak.VerifyTestMain(m)
}

func exit(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// runCollector is the process of the collector called name, as that of the
// command daemoneye-agent is.
func runCollector(ctx context.Context, name string) error {
	var config bytes.Buffer // as it came, for echo
	var client *ipc.Client
	return serve.Main(ctx, name, serve.Process{
		In: io.TeeReader(os.Stdin, &config),
		New: func(c control.ChildConfig) (collector.Collector, error) {
			switch name {
			case "deaf": // hangs up and goes on
				return fake{name: name, run: func(ctx context.Context, emit collector.Emit) error {
					client.Close()
					return idle(ctx, emit)
				}}, nil
			case "torn": // the first one is killed in the middle of a frame
				return fake{name: name, run: func(ctx context.Context, emit collector.Emit) error {
					emit(collector.Message{Topic: "events.torn.whole", Payload: []byte("x")})
					if !isFirst(markOf(c)) {
						return idle(ctx, emit)
					}
					return tear(ctx, client, c.Socket)
				}}, nil
			}
			return newCollector(c, config.String())
		},
		Dial: func(ctx context.Context, c control.ChildConfig, lost func(error)) (_ router.Bus, err error) {
			if name == "deaf" {
				lost = func(error) {}
			}
			client, err = ipc.DialOptions(ctx, ipc.ClientOptions{
				Path: c.Socket, Name: "i-am-root", Role: "operator", LatencyBudget: c.Budget, NoReconnect: true, OnState: lost,
			})
			return client, err
		},
		Version: "test",
	})
}

func newCollector(c control.ChildConfig, text string) (collector.Collector, error) {
	if strings.HasPrefix(c.Collector, "stream-") {
		return newStream(c)
	}
	switch c.Collector {
	case process.Name:
		return makeProcess(c)
	case "echo":
		return fake{name: "echo", source: text, run: idle}, nil
	case "shut":
		return &shut{fake: fake{name: "shut", run: idle}}, nil
	case "demo":
		return newDemo(c.Settings)
	case "rogue":
		return fake{name: "rogue", run: trespass}, nil
	case "worker", "helper":
		return worker{fake{name: c.Collector, run: idle}}, nil
	case "bulky":
		return fake{name: "bulky", run: func(ctx context.Context, emit collector.Emit) error {
			emit(collector.Message{Topic: "events.bulky.x", Payload: make([]byte, 5000)})
			return idle(ctx, emit)
		}}, nil
	case "flood":
		return fake{name: "flood", run: func(ctx context.Context, emit collector.Emit) error { return flood(ctx, emit, markOf(c)) }}, nil
	}
	return nil, fmt.Errorf("there is no %s", c.Collector)
}

func makeProcess(c control.ChildConfig) (collector.Collector, error) {
	o, err := process.Parse(c.Settings, host.Host{ID: c.HostID, Labels: event.Pairs(c.Labels)})
	if err != nil {
		return nil, err
	}
	return process.New(o)
}

// mark returns the settings of a fake that leaves a mark at path.
func mark(path string) json.RawMessage {
	b, _ := json.Marshal(path) // a text always has a form
	return b
}

// markOf is the reverse of mark, empty for none.
func markOf(c control.ChildConfig) (path string) {
	_ = json.Unmarshal(c.Settings, &path) // without settings there is none
	return path
}

// fake is a collector of the tests.
type fake struct {
	name, source string
	run          func(context.Context, collector.Emit) error
}

func (f fake) Name() string                                       { return f.name }
func (f fake) Describe() string                                   { return f.source }
func (f fake) Run(ctx context.Context, emit collector.Emit) error { return f.run(ctx, emit) }

// worker is a fake that has tasks: who returns its pid, and die-once ends the first process
// that gets it, known by a mark.
type worker struct{ fake }

func (worker) Abilities() collector.Abilities {
	return collector.Abilities{Tasks: []string{"who", "die-once"}}
}

func (worker) Do(_ context.Context, task string, args []byte) (any, error) {
	var a struct{ Mark string }
	if len(args) > 0 {
		if err := json.Unmarshal(args, &a); err != nil {
			return nil, err
		}
	}
	if task == "die-once" && isFirst(a.Mark) {
		if err := unix.Kill(os.Getpid(), unix.SIGKILL); err != nil {
			return nil, err
		}
		select {} // the signal is on its way
	}
	return os.Getpid(), nil
}

func idle(ctx context.Context, _ collector.Emit) error {
	<-ctx.Done()
	return nil
}

// forbidden are topics that the collector rogue must not publish on.
var forbidden = []string{
	"events.process.lifecycle", "alerts.high", "control.agent.policy", "control.collector.lifecycle", "control.health.status.process",
}

// trespass publishes on forbidden topics, and then on one of its own.
func trespass(ctx context.Context, emit collector.Emit) error {
	for _, topic := range append(forbidden, "events.rogue.done") {
		emit(collector.Message{Topic: topic, Payload: []byte("x")})
	}
	return idle(ctx, emit)
}

// flood publishes without a pause. Where there is a path for a mark, only the
// first one that comes there does.
func flood(ctx context.Context, emit collector.Emit, mark string) error {
	if mark != "" && !isFirst(mark) {
		return idle(ctx, emit)
	}
	payload := make([]byte, 1000)
	for ctx.Err() == nil {
		emit(collector.Message{Topic: "events.flood.x", Payload: payload})
	}
	return nil
}

// isFirst reports whether nobody has been here before.
func isFirst(mark string) bool {
	f, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// eventually calls ok until it is true; only a test that fails takes long.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func parse[T any](t *testing.T, b []byte) (v T) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}
