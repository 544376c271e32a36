package serve_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/serve"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/router"
)

const config = `{"collector":"demo","socket":"/run/x.sock","settings":{"source":"fast"}}` + "\n"

// errDial and errNew are what fails in the tests below.
var (
	errDial = errors.New("nobody there")
	errNew  = errors.New("mode fast: no such thing")
)

func newFake(c control.ChildConfig) (collector.Collector, error) { return fake{}, nil }

func TestAProcessThatCannotStart(t *testing.T) {
	b := newBroker(t)
	acceptAll(t, dial(t, b, "agent"))
	good := func(context.Context, control.ChildConfig, func(error)) (router.Bus, error) {
		return b.Client("demo"), nil
	}
	tests := []struct {
		name  string
		input string
		p     serve.Process
		want  string
	}{
		{"no configuration", "", serve.Process{New: newFake, Dial: good}, "configuration from the agent: EOF"},
		{"half a configuration", `{"collector":`, serve.Process{New: newFake, Dial: good}, "configuration from the agent: EOF"},
		{"no JSON", "hello\n", serve.Process{New: newFake, Dial: good}, "configuration from the agent: invalid character"},
		{"that of another, and no more", `{"collector":"other"}` + "\n\x00", serve.Process{New: newFake, Dial: good},
			`configuration from the agent: it is for collector "other", not "demo"`},
		{"that of another", `{"collector":"other"}` + "\n", serve.Process{New: newFake, Dial: good},
			`configuration from the agent: it is for collector "other", not "demo"`},
		{"a mode that is not possible", config, serve.Process{
			New: func(control.ChildConfig) (collector.Collector, error) { return nil, errNew }, Dial: good,
		}, errNew.Error()},
		{"no agent", config, serve.Process{New: newFake, Dial: func(context.Context, control.ChildConfig, func(error)) (router.Bus, error) {
			return nil, errDial
		}}, errDial.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// The input goes on, as an agent that lives holds it open.
			in, agent := io.Pipe()
			defer agent.Close()
			go func() {
				_, _ = io.WriteString(agent, tt.input)
				if !strings.HasSuffix(tt.input, "\n") {
					agent.Close()
				}
			}()
			tt.p.In = in
			err := serve.Main(t.Context(), "demo", tt.p)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Main = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestWhatEndsAProcess(t *testing.T) {
	lost := errors.New("connection reset")
	tests := []struct {
		name string
		// end ends the process that runs, in the way of the name.
		end  func(stop func(), agent io.Closer, lose func(error))
		want error
	}{
		{"it is told to", func(stop func(), _ io.Closer, _ func(error)) { stop() }, nil},
		{"its input ends, for the agent is dead", func(_ func(), agent io.Closer, _ func(error)) { agent.Close() }, nil},
		{"the agent says goodbye", func(_ func(), _ io.Closer, lose func(error)) { lose(nil) }, nil},
		{"the connection is lost", func(_ func(), _ io.Closer, lose func(error)) { lose(lost) }, lost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBroker(t)
			told := acceptAll(t, dial(t, b, "agent"))
			in, agent := io.Pipe()
			defer agent.Close()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			lose := make(chan func(error), 1)
			ended := make(chan error, 1)
			go func() { // awaited below
				ended <- serve.Main(ctx, "demo", serve.Process{
					In: in,
					New: func(c control.ChildConfig) (collector.Collector, error) {
						if string(c.Settings) != `{"source":"fast"}` {
							t.Errorf("configuration is %+v", c)
						}
						return fake{}, nil
					},
					Dial: func(_ context.Context, c control.ChildConfig, f func(error)) (router.Bus, error) {
						if c.Socket != "/run/x.sock" {
							t.Errorf("configuration is %+v", c)
						}
						lose <- f
						return b.Client("demo"), nil
					},
				})
			}()
			if _, err := io.WriteString(agent, config); err != nil {
				t.Fatal(err)
			}
			<-told
			tt.end(stop, agent, <-lose)
			if err := <-ended; !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("Main = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestAProcessMayBeStoppedBeforeItIsConfigured(t *testing.T) {
	in, agent := io.Pipe()
	defer agent.Close()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := serve.Main(ctx, "demo", serve.Process{In: in}); err != nil {
		t.Errorf("Main = %v", err)
	}
}
