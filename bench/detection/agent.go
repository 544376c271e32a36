package detection

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

// setting is what the agent's process gets.
type setting struct {
	Dir     string
	Rules   int
	Enabled bool
}

func (s setting) socket() string { return filepath.Join(s.Dir, "run", "agent.sock") }

// up is what it reports when it is ready.
type up struct {
	Start time.Duration // from making it to ready
	RSS   int64         // some time after that
}

// Role is the name of the agent's process.
const Role = "detecting-agent"

// Roles are the processes of this measurement.
func Roles() proc.Roles { return proc.Roles{Role: run} }

func run(ctx context.Context, c *proc.Control) error {
	var s setting
	if err := c.Args(ctx, &s); err != nil {
		return err
	}
	began := time.Now()
	path := filepath.Join(s.Dir, "rules.yml")
	if err := os.WriteFile(path, []byte(rules(s.Rules)), 0o600); err != nil {
		return err
	}
	o := config.Default()
	o.InstanceID, o.Broker.SocketPath = "bench", s.socket()
	o.Detection.Enabled, o.Detection.BuiltIn, o.Detection.Rules, o.Detection.Watch = s.Enabled, false, []string{path}, false
	ready := make(chan struct{})
	a, err := agent.New(agent.Options{
		Config: o, DataDir: filepath.Join(s.Dir, "alerts"), Logger: slog.New(slog.DiscardHandler), Ready: func(control.Status) { close(ready) },
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }() // awaited below
	select {
	case err := <-ended:
		return fmt.Errorf("the agent ended: %v", err)
	case <-ready:
	}
	u := up{Start: time.Since(began)}
	debug.FreeOSMemory()
	if u.RSS, err = proc.ReadRSS(os.Getpid()); err != nil {
		return err
	}
	if err := c.Ready(u); err != nil {
		return err
	}
	var span load.Span
	if err := c.Go(ctx, &span); err != nil {
		return err
	}
	usage, err := proc.Measure(ctx, span)
	if err != nil {
		return err
	}
	if err := c.Result(usage); err != nil {
		return err
	}
	return <-ended
}
