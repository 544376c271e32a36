package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// pretend serves a broker on which answer answers for the agent's status, until
// the test ends.
func pretend(t *testing.T, answer router.Responder) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cmd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "run", "agent.sock")
	b, err := router.New(router.Options{Replay: []router.ReplayRule{{Pattern: "events.#", MaxBytes: 16 << 20}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	ready := make(chan struct{})
	go func() { // awaited in the clean-up
		ended <- ipc.Serve(ctx, b, ipc.Options{Path: socket, Ready: func(string) { close(ready) }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, ipc.ErrServerClosed) {
			t.Error(err)
		}
	})
	<-ready
	agent := b.Client("agent")
	t.Cleanup(func() { agent.Close() })
	if _, err := agent.Respond(t.Context(), control.StatusTarget, answer); err != nil {
		t.Fatal(err)
	}
	return socket
}

func TestTheStatusDecidesTheExitStatus(t *testing.T) {
	tests := []struct {
		name   string
		health control.Health
		want   int
		line   string
	}{
		{"healthy", control.Health{}, cli.ExitOK, "health    healthy\n"},
		{"degraded", control.Health{State: control.Degraded, Reason: "collectors: no"}, cli.ExitDegraded, "health    degraded: collectors: no\n"},
		{"unhealthy", control.Health{State: control.Unhealthy, Reason: "broker: no"}, cli.ExitUnhealthy, "health    unhealthy: broker: no\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			socket := pretend(t, func(context.Context, *router.Request) ([]byte, error) {
				return json.Marshal(control.Status{Health: tt.health, Collectors: []control.CollectorStatus{
					{Name: "process", State: control.CollectorGaveUp, Restarts: 5, LastExit: "exit status 1: no"},
				}})
			})
			for _, form := range []string{"-json", "-json=false"} {
				var out, errs bytes.Buffer
				got := realMain(t.Context(), &cli.Program{In: strings.NewReader(""), Out: cli.NewOutput(&out), Err: &errs}, []string{"status", "-socket", socket, form})
				if got != tt.want || errs.Len() > 0 {
					t.Errorf("%s: exit status %d, want %d; %s", form, got, tt.want, errs.String())
				}
				if form == "-json" {
					if !json.Valid(out.Bytes()) {
						t.Errorf("not JSON: %s", out.String())
					}
				} else if !strings.HasPrefix(out.String(), tt.line) || !strings.Contains(out.String(), "process ended last: exit status 1: no\n") {
					t.Errorf("status is\n%s", out.String())
				}
			}
		})
	}
}

func TestAStatusThatIsNotCompleteSaysSo(t *testing.T) {
	for _, truncated := range []bool{false, true} {
		socket := pretend(t, func(context.Context, *router.Request) ([]byte, error) {
			return json.Marshal(control.Status{Broker: router.Stats{Truncated: truncated}})
		})
		var out, errs bytes.Buffer
		_ = realMain(t.Context(), &cli.Program{In: strings.NewReader(""), Out: cli.NewOutput(&out), Err: &errs}, []string{"status", "-socket", socket})
		if got := strings.Contains(out.String(), "\nNot all clients and subscriptions are shown"); got != truncated {
			t.Errorf("truncated %v: %s%s", truncated, out.String(), errs.String())
		}
	}
}

// TestFiguresThatAreNotKnown are not 0, in neither form.
func TestFiguresThatAreNotKnown(t *testing.T) {
	socket := pretend(t, func(context.Context, *router.Request) ([]byte, error) {
		return json.Marshal(control.Status{Collectors: []control.CollectorStatus{
			{Name: "process", State: control.CollectorRunning, PID: 7, Usage: &control.Usage{}}, {Name: "none", State: control.CollectorStopped},
		}})
	})
	_, out, _ := run(t, "status", "-socket", socket)
	for _, want := range []string{
		"host +unknown\n", "latency +unknown \\(publish to delivery\\)\n",
		"usage +unknown share of a core, unknown resident, unknown threads, unknown open files\n",
		"process +running +7 +0 +unknown +unknown +-\n", "none +stopped +- +0 +- +- +-\n",
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no line matches %q in\n%s", want, out)
		}
	}
	_, out, _ = run(t, "status", "-json", "-socket", socket)
	for _, name := range []string{"cpu_percent", "rss_bytes", "threads", "open_files"} {
		if strings.Count(out, `"`+name+`": null`) != 2 {
			t.Errorf("%s is not null in\n%s", name, out)
		}
	}
}

func TestAnAnswerThatIsNoStatus(t *testing.T) {
	socket := pretend(t, func(context.Context, *router.Request) ([]byte, error) { return []byte("well"), nil })
	var out, errs bytes.Buffer
	got := realMain(t.Context(), &cli.Program{In: strings.NewReader(""), Out: cli.NewOutput(&out), Err: &errs}, []string{"status", "-socket", socket})
	if got != cli.ExitFailed || !strings.Contains(errs.String(), "error: status: answer of the agent: ") {
		t.Errorf("exit status %d: %s", got, errs.String())
	}
}
