package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

const (
	// beside is what an agent's anonymous memory may be beyond max_memory.
	beside = 48 << 20
	// patience is how long a test waits for what must happen: a guard against hanging,
	// never a measure.
	patience = 60 * time.Second
)

// setting is the configuration of an agent, as its process reads it.
type setting struct {
	Socket         string
	MaxMemory      int64 // 0: the default
	MaxConnections int   // 0: the default
}

// victim is an agent without collectors in a process of its own.
type victim struct {
	t       *testing.T
	set     setting
	pid     int
	began   int64     // its anonymous memory before the attack
	clients []*client // that dial connected
}

// startAgent starts one, which ends with the test.
func startAgent(t *testing.T, set setting) *victim {
	t.Helper()
	dir, err := os.MkdirTemp("", "hostile") // shorter than the test's own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	set.Socket = filepath.Join(dir, "run", "agent.sock")
	arg, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	cmd, out := startRole(t, "agent", string(arg))
	if !out.Scan() {
		t.Fatal("the agent does not start")
	}
	v := &victim{t: t, set: set, pid: cmd.Process.Pid}
	v.stats() // it has begun all that it needs
	v.began = v.anonymous()
	return v
}

// dial connects a client to it, which has the features.
func (v *victim) dial(features frame.Features) *client {
	v.t.Helper()
	c := dial(v.t, v.set.Socket, features)
	v.clients = append(v.clients, c)
	return c
}

// runAgent is the process of an agent.
func runAgent() error {
	var set setting
	if err := json.Unmarshal([]byte(os.Args[1]), &set); err != nil {
		return err
	}
	c := config.Default()
	c.Broker.SocketPath = set.Socket
	if set.MaxMemory != 0 {
		c.Broker.MaxMemoryBytes = config.Size(set.MaxMemory)
	}
	if set.MaxConnections != 0 {
		c.Broker.MaxConnections = set.MaxConnections
	}
	// A client that does not read is not taken for dead before its attack has ended.
	c.Broker.Heartbeat, c.Broker.ConnectionTimeout = time.Hour, time.Hour
	a, err := agent.New(agent.Options{Config: c, Logger: slog.New(slog.DiscardHandler), Listening: func(string) { fmt.Println("ready") }})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := untilStdinEnds()
	go func() { // ends with the process
		<-ended
		stop()
	}()
	return a.Run(ctx)
}

// startRole starts this program in a role, until the test ends.
func startRole(t *testing.T, role string, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		kill := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer kill.Stop()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended with %v", role, err)
		}
	})
	return cmd, bufio.NewScanner(out)
}

// anonymous returns the agent's anonymous memory.
func (v *victim) anonymous() int64 {
	v.t.Helper()
	n, err := procStatus(v.pid, "RssAnon")
	if err != nil {
		v.t.Fatalf("the agent has ended: %v", err)
	}
	return n
}

// cpu returns the processor time that the agent has taken.
func (v *victim) cpu() time.Duration {
	v.t.Helper()
	var sum time.Duration
	for _, spent := range threads(v.t, v.pid) {
		sum += spent
	}
	return sum
}

// stats asks the agent for its broker's statistics, as an operator does.
func (v *victim) stats() router.Stats {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	c, err := ipc.DialOptions(ctx, ipc.ClientOptions{Path: v.set.Socket, Name: "status", Role: control.Operator})
	if err != nil {
		v.t.Fatalf("an operator does not get in: %v", err)
	}
	defer c.Close()
	reply, err := c.Request(ctx, router.StatsTarget, nil)
	if err != nil {
		v.t.Fatalf("an operator gets no answer: %v", err)
	}
	var s router.Stats
	if err := json.Unmarshal(reply.Payload, &s); err != nil {
		v.t.Fatal(err)
	}
	return s
}

// awaitSubscriptions waits until the agent has n subscriptions of clients that do not read
// the answers.
func (v *victim) awaitSubscriptions(n int) {
	v.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		s := v.stats()
		if len(s.Subscriptions) >= n {
			return
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("the agent has %d subscriptions of %d, refused were %v", len(s.Subscriptions), n, s.Refused)
		}
	}
}

// check holds what must be true after every attack, and returns the statistics.
func (v *victim) check() router.Stats {
	v.t.Helper()
	s := v.stats()
	charged := int64(0)
	for _, n := range s.Charged {
		charged += n
	}
	if charged > s.MaxBufferBytes {
		v.t.Errorf("%d bytes are charged, want at most %d: %v", charged, s.MaxBufferBytes, s.Charged)
	}
	if s.Matched != s.Delivered+s.Dropped+s.Queued {
		v.t.Errorf("matched %d, delivered %d + dropped %d + queued %d", s.Matched, s.Delivered, s.Dropped, s.Queued)
	}
	peak, err := procStatus(v.pid, "VmHWM")
	if err != nil {
		v.t.Fatal(err)
	}
	file, err := procStatus(v.pid, "RssFile")
	if err != nil {
		v.t.Fatal(err)
	}
	if most := s.MaxBufferBytes + beside; peak-file > most && !raceEnabled {
		v.t.Errorf("the agent had %d MiB of anonymous memory, want at most %d MiB", (peak-file)>>20, most>>20)
	}
	v.t.Logf("anonymous memory: %d MiB before, at most %d MiB; charged %d MiB of %d: %v",
		v.began>>20, (peak-file)>>20, charged>>20, s.MaxBufferBytes>>20, strings.TrimPrefix(fmt.Sprint(s.Charged), "map"))
	return s
}

// ofHostile returns how many messages hostile clients have published, and how many their
// subscriptions have matched. The agent itself and the probe have messages too.
func ofHostile(s *router.Stats) (published, matched uint64) {
	is := make(map[uint32]bool)
	for i := range s.Clients {
		if c := &s.Clients[i]; c.Name == hostile {
			is[c.Source] = true
			published += c.Published
		}
	}
	for i := range s.Subscriptions {
		if sub := &s.Subscriptions[i]; is[sub.Source] {
			matched += sub.Matched
		}
	}
	return published, matched
}

// givesBack ends all clients, and waits until the agent has given back the memory of the
// attack: to 16 MiB above what it had before.
func (v *victim) givesBack() {
	v.t.Helper()
	for _, c := range v.clients {
		c.conn.Close()
	}
	within := patience
	if soaking {
		within = 10 * time.Second
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); ; <-tick.C {
		now := v.anonymous()
		if now <= v.began+16<<20 {
			return
		}
		if time.Now().After(deadline) && !raceEnabled {
			s := v.stats()
			v.t.Errorf("%s after the last client has gone the agent holds %d MiB, and began with %d; charged are %v", within, now>>20, v.began>>20, s.Charged)
			return
		}
	}
}
