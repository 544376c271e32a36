// Package processes measures what an agent sees of programs that end at once, and what
// that costs it.
//
// The agent is the program that is shipped, with its collector of processes as a process
// of its own, and a subscriber that takes all of its events. Processor time is that of
// the agent and of the collector. What the kernel's programs take is spent by the programs
// that are watched, and counted apart.
//
// It would be unfair to count what the agent does once: it is measured after the snapshot,
// and without the hashing of programs, which goes on for a while after the start.
package processes

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	collectorebpf "github.com/daemoneye/eventbus/agent/collector/ebpf"
	collectorproc "github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/bench/proc"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// Outcome is what an agent saw of a load, and what it took.
type Outcome struct {
	Load
	Took                    time.Duration // for all programs
	Starts, Complete, Exits int           // of them; complete are starts with path and all arguments
	Lost                    uint64        // as gaps announce it
	CPU                     time.Duration // agent and collector
	Inside                  time.Duration // what the kernel's programs spent; 0 where it is not known
	RSS                     int64         // of both, afterwards
}

// Rate is how many programs were run in a second.
func (o *Outcome) Rate() float64 { return float64(o.Programs) / o.Took.Seconds() }

// Cores is how much of a core agent and collector took.
func (o *Outcome) Cores() float64 { return o.CPU.Seconds() / o.Took.Seconds() }

// Build builds the agent into a directory.
func Build(ctx context.Context, dir string) (path string, err error) {
	path = filepath.Join(dir, "daemoneye-agent")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/daemoneye/eventbus/cmd/daemoneye-agent").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// settled is how long the agent is left alone behind its snapshot.
const settled = time.Second

// Measure has an agent, the program at path, watch a load with a source.
func Measure(ctx context.Context, path, source string, l Load) (out Outcome, err error) {
	out.Load = l
	dir, err := os.MkdirTemp("", "processes")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "run", "agent.sock")
	agent := exec.CommandContext(ctx, path, "run", "--config", "none", "--socket", socket, "--quiet", "--collectors", "process",
		"--process-source", source, "--set", "collectors.process.integrity=false", "--set", "alerts.data_dir="+filepath.Join(dir, "alerts"))
	agent.Stderr = os.Stderr
	agent.Cancel = func() error { return agent.Process.Signal(os.Interrupt) }
	if err := agent.Start(); err != nil {
		return out, err
	}
	defer func() { _ = agent.Process.Signal(os.Interrupt); _ = agent.Wait() }()
	client, err := connect(ctx, socket)
	if err != nil {
		return out, err
	}
	defer client.Close()
	g, err := proc.Start(ctx, Role, l)
	if err != nil {
		return out, err
	}
	defer g.Stop()
	if err := g.Ready(ctx, nil); err != nil {
		return out, err
	}
	c := newCount(uint32(g.Pid()))
	if _, err := client.Subscribe(ctx, router.Subscription{Patterns: []string{"events.process.#"}, Handler: c.take}); err != nil {
		return out, err
	}
	if err := c.marked(ctx, "before"); err != nil {
		return out, err
	}
	select {
	case <-time.After(settled):
	case <-ctx.Done():
		return out, ctx.Err()
	}
	stop, err := collectorebpf.MeasureTime()
	if err == nil {
		defer stop()
	}
	before, err := usage(agent.Process.Pid)
	if err != nil {
		return out, err
	}
	if err := g.Go(nil); err != nil {
		return out, err
	}
	if err := g.Result(ctx, &out.Took); err != nil {
		return out, err
	}
	if err := c.marked(ctx, "behind"); err != nil {
		return out, err
	}
	after, err := usage(agent.Process.Pid)
	if err != nil {
		return out, err
	}
	out.CPU, out.Inside, out.RSS = after.cpu-before.cpu, after.inside-before.inside, after.rss
	out.Starts, out.Complete, out.Exits, out.Lost = c.figures()
	return out, nil
}

// connect connects to an agent that is starting.
func connect(ctx context.Context, socket string) (*ipc.Client, error) {
	for {
		client, err := ipc.Dial(ctx, socket)
		if err == nil || ctx.Err() != nil {
			return client, err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tick is the unit of processor time in /proc.
const tick = 10 * time.Millisecond

// used is what processes took.
type used struct {
	cpu    time.Duration
	inside time.Duration // of their programs in the kernel, as far as that is known
	rss    int64
}

// usage returns what a process and its children took.
func usage(pid int) (u used, err error) {
	r, err := collectorproc.NewReader("/proc")
	if err != nil {
		return u, err
	}
	pids, err := r.List()
	if err != nil {
		return u, err
	}
	for _, p := range pids {
		s, ok, err := r.Stat(p)
		if err != nil {
			return u, err
		}
		if !ok || p != uint32(pid) && s.PPID != uint32(pid) {
			continue
		}
		u.cpu += time.Duration(s.CPUTicks) * tick
		u.rss += int64(s.RSSPages) * int64(os.Getpagesize())
		times, _ := collectorebpf.TimesOf(int(p)) // without the right to it there are none
		for _, t := range times {
			u.inside += t.Spent
		}
	}
	return u, nil
}

// count counts the events of the generator's programs. Safe for concurrent use.
type count struct {
	generator uint64
	parent    event.Field
	program   event.Field
	args      event.Field

	mu                      sync.Mutex
	starts, complete, exits int             // guarded by mu
	lost                    uint64          // guarded by mu
	seen                    map[string]bool // guarded by mu; marks
}

func newCount(generator uint32) *count {
	field := func(name string) event.Field { return event.MustField(event.TableProcess, name) }
	return &count{
		generator: uint64(generator), parent: field("process.parent.pid"), program: field("process.executable"), args: field("process.args"),
		seen: map[string]bool{},
	}
}

// marker is a program that shows which events have come.
const marker = "/bin/echo"

// marked runs the marker with a word until it has been seen.
func (c *count) marked(ctx context.Context, word string) error {
	for {
		if err := exec.CommandContext(ctx, marker, word, strconv.FormatUint(c.generator, 10)).Run(); err != nil {
			return err
		}
		c.mu.Lock()
		seen := c.seen[word]
		c.mu.Unlock()
		if seen {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *count) take(m *router.Message) {
	if m.Gap != nil {
		c.mu.Lock()
		c.lost += m.Gap.Count
		c.mu.Unlock()
		return
	}
	v, err := event.Parse(m.Payload)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if g, ok := event.Copy[event.Loss](v); ok {
		c.lost += g.Body.Lost
		return
	}
	if v.Operation() == event.OpStart && string(v.Item(c.args, 0)) == marker && string(v.Item(c.args, 2)) == strconv.FormatUint(c.generator, 10) {
		c.seen[string(v.Item(c.args, 1))] = true
	}
	if parent, _ := v.Uint(c.parent); parent != c.generator {
		return
	}
	switch v.Operation() {
	case event.OpStart:
		c.starts++
		if v.Len(c.args) == 2+len(arguments) && string(v.Item(c.args, 1+len(arguments))) == arguments[len(arguments)-1] && len(v.Text(c.program)) > 0 {
			c.complete++
		}
	case event.OpExit:
		c.exits++
	}
}

func (c *count) figures() (starts, complete, exits int, lost uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.starts, c.complete, c.exits, c.lost
}
