package agent_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/collector/process"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestASleepIsSeenFromStartToEnd is the way of an event through all parts: the
// kernel, a collector's process, its socket, the broker, another socket, a
// subscriber.
func TestASleepIsSeenFromStartToEnd(t *testing.T) {
	for _, c := range []control.ChildConfig{
		{Collector: process.Name, Settings: json.RawMessage(`{"source":"netlink"}`)},
		{Collector: process.Name, Settings: json.RawMessage(`{"source":"poll","poll_interval":20000000}`)},
	} {
		t.Run(string(c.Settings), func(t *testing.T) {
			if _, err := newCollector(c, ""); err != nil {
				t.Skip(err)
			}
			r := start(t, agent.Options{Collectors: []control.ChildConfig{c}})
			sub := subscribe(t, r.dial(ipc.ClientOptions{}), router.Subscription{Patterns: []string{"events.process.#"}, ReplayFrom: 1})
			var got event.Process
			seen := func(op event.Operation, pid int) {
				t.Helper()
				await(t, sub, op.String(), func(m *router.Message) bool {
					if m.Gap != nil {
						t.Error(m.Gap)
						return false
					}
					v, err := event.Parse(m.Payload)
					if err != nil {
						t.Fatal(err)
					}
					p, ok := event.Copy[event.Detail](v)
					if !ok || p.Operation != op || p.PID != uint32(pid) {
						return false
					}
					got = p
					return true
				})
			}
			seen(event.OpSnapshot, os.Getpid()) // from now on nothing is missed

			sleep := exec.Command("/bin/sleep", "1000")
			if err := sleep.Start(); err != nil {
				t.Fatal(err)
			}
			seen(event.OpStart, sleep.Process.Pid)
			checkSleep(t, got)
			if err := sleep.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = sleep.Wait()
			seen(event.OpExit, sleep.Process.Pid)
			checkSleep(t, got)
		})
	}
}

// TestEachEventCarriesTheHostsIDAndLabels: those of a collector, and the gap that is
// announced in the place of what could not be published.
func TestEachEventCarriesTheHostsIDAndLabels(t *testing.T) {
	poll := control.ChildConfig{Collector: process.Name, Settings: json.RawMessage(`{"source":"poll"}`)}
	bulky := control.ChildConfig{Collector: "bulky"}
	r := start(t, agent.Options{
		HostID: "an-id", Collectors: []control.ChildConfig{poll, bulky},
		Config: configured(func(c *config.Config) {
			c.Labels = map[string]string{"team": "core", "env": "prod"}
			c.Broker.MaxMessageSize = 4096
		}),
	})
	client := r.dial(ipc.ClientOptions{})
	for _, pattern := range []string{"events.process.#", "events.bulky.gap"} {
		await(t, subscribe(t, client, router.Subscription{Patterns: []string{pattern}, ReplayFrom: 1}), pattern, func(m *router.Message) bool {
			if m.Gap != nil {
				return false
			}
			v, err := event.Parse(m.Payload)
			if err != nil {
				t.Fatal(err)
			}
			o := v.Origin()
			if want := []event.Pair{{Name: "env", Value: "prod"}, {Name: "team", Value: "core"}}; o.HostID != "an-id" || !slices.Equal(o.Labels, want) {
				t.Errorf("%s: host id %q, labels %v", pattern, o.HostID, o.Labels)
			}
			return true
		})
	}
	if s := status(t, client); s.HostID != "an-id" || s.Labels["env"] != "prod" {
		t.Errorf("the status has host id %q and labels %v", s.HostID, s.Labels)
	}
}

func checkSleep(t *testing.T, got event.Process) {
	t.Helper()
	executable, err := filepath.EvalSymlinks("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	type facts struct {
		PPID                          uint32
		UID                           event.Number
		Name, CommandLine, Executable string
	}
	if got.Ancestors[0].PID == 0 || got.StartNs == 0 || got.User == "" {
		t.Errorf("%v: ancestors %v, start %d, user %q", got.Operation, got.Ancestors, got.StartNs, got.User)
	}
	want := facts{uint32(os.Getpid()), event.Known(uint64(os.Geteuid())), "sleep", "/bin/sleep\x001000\x00", executable}
	if diff := cmp.Diff(want, facts{got.PPID, got.UID, got.Name, got.CommandLine, got.Executable}); diff != "" {
		t.Errorf("%v (-want +got):\n%s", got.Operation, diff)
	}
}
