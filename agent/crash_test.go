package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// role is this program in one of its roles, with its output in lines.
func role(t *testing.T, name, socket string) (*exec.Cmd, *bufio.Scanner, *strings.Builder) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// One that does not end must not keep the tests.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, name, socket)
	errs := &strings.Builder{}
	cmd.Stderr = errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd, bufio.NewScanner(out), errs
}

// gone waits until the process of a pidfd has ended.
func gone(t *testing.T, pidfd int) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	eventually(t, "the process ends", func() bool {
		n, err := unix.Poll(fds, int(patience/time.Millisecond))
		return err == nil && n == 1
	})
}

// halt stops a process, and returns when none of its threads runs any more: the
// signal alone only asks for that.
func halt(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process stands still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(threads) == 0 {
			t.Fatalf("threads of %d: %q, %v", pid, threads, err)
		}
		return !slices.ContainsFunc(threads, func(path string) bool {
			b, err := os.ReadFile(path)
			_, state, _ := bytes.Cut(b, []byte(") "))
			return err == nil && !bytes.HasPrefix(state, []byte("T")) // or it has ended meanwhile
		})
	})
}

// openPID returns a handle of a process, that a later one with its pid is not
// taken for.
func openPID(t *testing.T, pid int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatalf("pidfd_open(%d): %v", pid, err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestTheCollectorsDieWithTheAgent kills an agent with SIGKILL: its collectors
// end, a new agent takes the socket over, and a subscriber comes back to it and
// learns that it may have lost something.
func TestTheCollectorsDieWithTheAgent(t *testing.T) {
	path := socket(t)
	first, _, _ := role(t, "agent", path)
	var client *ipc.Client
	eventually(t, "the agent accepts", func() (ok bool) {
		var err error
		client, err = ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: path, Name: "watch"})
		return err == nil
	})
	defer client.Close()
	sub := subscribe(t, client, router.Subscription{Patterns: []string{"events.#"}})
	await(t, sub, "an event of the first agent", func(m *router.Message) bool { return m.Gap == nil })
	collector := openPID(t, status(t, client).Collectors[0].PID)

	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	gone(t, collector)

	if _, err := os.Stat(path); err != nil {
		t.Errorf("there is no stale socket to take over: %v", err)
	}
	start(t, agent.Options{Config: at(path), Collectors: collect("flood")})
	await(t, sub, "the announcement of the loss", func(m *router.Message) bool {
		return m.Gap != nil && m.Gap.Reason == frame.ReasonConnection
	})
	await(t, sub, "an event of the second agent", func(m *router.Message) bool { return m.Gap == nil })
	if pid := status(t, client).PID; pid != os.Getpid() {
		t.Errorf("the agent is pid %d", pid)
	}
}

// TestHalfAFrameOfAnAgentThatIsKilledIsShownToNobody has it write to a subscriber
// that does not read, until its socket takes no more in the middle of a message.
// The subscriber is shown whole messages, then that it may have lost something,
// and then those of the next agent.
func TestHalfAFrameOfAnAgentThatIsKilledIsShownToNobody(t *testing.T) {
	path := socket(t)
	first, _, _ := role(t, "agent", path)
	var client *ipc.Client
	eventually(t, "the agent accepts", func() (ok bool) {
		var err error
		client, err = ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: path})
		return err == nil
	})
	subscriber, out, errs := role(t, "subscriber", path)
	if !out.Scan() {
		t.Fatal("the subscriber did not subscribe")
	}
	halt(t, subscriber.Process.Pid)
	const size = 300_001
	publish := func(size int) {
		t.Helper()
		if err := client.Publish(t.Context(), router.Outgoing{Topic: "events.demo", Payload: bytes.Repeat([]byte("x"), size)}); err != nil {
			t.Fatal(err)
		}
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	queued := func() bool {
		reply, err := client.Request(t.Context(), router.StatsTarget, nil)
		if err != nil {
			t.Fatal(err)
		}
		var s router.Stats
		if err := json.Unmarshal(reply.Payload, &s); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(s.Subscriptions, func(s router.SubStats) bool { return s.Name == "stuck" && s.Queued > *s.InFlight })
	}
	published := 0
	eventually(t, "its socket is full", func() bool {
		publish(size)
		published++
		return queued()
	})
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	if err := subscriber.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	client.Close()
	client = start(t, agent.Options{Config: at(path)}).dial(ipc.ClientOptions{})
	eventually(t, "the subscriber comes back", func() bool {
		return slices.ContainsFunc(status(t, client).Broker.Subscriptions, func(s router.SubStats) bool { return s.Name == "stuck" })
	})
	publish(1)
	whole, gaps := 0, 0
	for out.Scan() && out.Text() != "1" {
		switch out.Text() {
		case strconv.Itoa(size):
			whole++
		case "gap " + frame.ReasonConnection.String():
			gaps++
		default:
			t.Errorf("the subscriber was shown %q", out.Text())
		}
	}
	if out.Text() != "1" || whole >= published || gaps != 1 {
		t.Errorf("shown were %d messages of %d and %d gaps, at last %q; %s", whole, published, gaps, out.Text(), errs)
	}
}

// TestACollectorThatHangsDiesWithTheAgent as well: it sees neither the end of
// its input nor that of its connection, but the kernel kills it.
func TestACollectorThatHangsDiesWithTheAgent(t *testing.T) {
	path := socket(t)
	cmd, _, _ := role(t, "agent", path)
	var pid int
	eventually(t, "the agent answers, and its collector runs", func() bool {
		client, err := ipc.DialOptions(t.Context(), ipc.ClientOptions{Path: path})
		if err != nil {
			return false
		}
		defer client.Close()
		reply, err := client.Request(t.Context(), control.StatusTarget, nil)
		if err != nil {
			return false // it accepts before it answers
		}
		pid = parse[control.Status](t, reply.Payload).Collectors[0].PID
		return pid != 0
	})
	collector := openPID(t, pid)
	halt(t, pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	gone(t, collector)
}

// TestAnAgentWhoseSocketIsRemoved is reached again, and reports in its log and its health
// what happened. A collector that is started again meanwhile gets in.
func TestAnAgentWhoseSocketIsRemoved(t *testing.T) {
	r := start(t, agent.Options{Collectors: collect("echo")})
	client := r.dial(ipc.ClientOptions{})
	states := subscribe(t, client, router.Subscription{Patterns: []string{control.LifecycleTopic}})
	pid := status(t, client).Collectors[0].PID
	if err := os.RemoveAll(filepath.Dir(r.socket)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, states, "the collector that was started again", func(m *router.Message) bool {
		s := parse[control.CollectorStatus](t, m.Payload)
		return s.State == control.CollectorRunning && s.PID != pid
	})
	s := status(t, r.dial(ipc.ClientOptions{}))
	if h := s.Parts["broker"]; h.State != control.Degraded || !strings.Contains(h.Reason, "the socket was lost, and is bound anew") {
		t.Errorf("health is %v: %s", h.State, h.Reason)
	}
	if log := r.log.String(); !strings.Contains(log, `level=WARN msg="socket lost"`) {
		t.Errorf("log:\n%s", log)
	}
}

func TestASecondAgentIsRefused(t *testing.T) {
	r := start(t, agent.Options{})
	second, err := newAgent(r.socket, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = second.Run(t.Context())
	var inUse *ipc.InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() || inUse.Path != r.socket {
		t.Errorf("Run = %v", err)
	}
	status(t, r.dial(ipc.ClientOptions{})) // the first is as well as before
}

// TestABrokerThatFailsEndsTheAgent has the broker fail at its start, and once
// all is well: in both cases everything ends, and Run returns the reason.
func TestABrokerThatFailsEndsTheAgent(t *testing.T) {
	t.Run("at its start", func(t *testing.T) {
		path := socket(t)
		cmd, _, errs := role(t, "starved-agent", path)
		if err := cmd.Wait(); err == nil || !strings.Contains(errs.String(), "epoll_create1: too many open files") {
			t.Errorf("ended with %v: %s", err, errs)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("the socket is left behind: %v", err)
		}
	})
	t.Run("later", func(t *testing.T) {
		cmd, out, errs := role(t, "broken-agent", socket(t))
		out.Scan()
		pid, err := strconv.Atoi(out.Text())
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(errs.String(), "bad file descriptor") {
			t.Errorf("ended with %v: %s", err, errs)
		}
		if err := unix.Kill(pid, 0); err != unix.ESRCH {
			t.Errorf("the collector is there still: %v", err)
		}
	})
}

func TestARunThatNeverBegins(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		socket string
		want   string
	}{
		{"the directory cannot be made", file + "/run/agent.sock", "not a directory"},
		{"the directory is open to others", "/tmp/agent.sock", "directory /tmp "},
		{"something else has the name", file, "directory " + file[:len(file)-len("/file")]},
		{"the path is too long", "/" + strings.Repeat("x", 200), "choose a shorter directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := newAgent(tt.socket, func(control.Status) { t.Error("it is ready") }, "echo")
			if err != nil {
				t.Fatal(err)
			}
			var op *ipc.OpError
			if err := a.Run(t.Context()); !errors.As(err, &op) || op.Op != "listen" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run = %v, want %q", err, tt.want)
			}
		})
	}
}
