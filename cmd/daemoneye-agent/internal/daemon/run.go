package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/alert/store"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/hostid"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/agent/manager/life"
	"github.com/daemoneye/eventbus/agent/systemd"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/collectors"
)

// NewRun makes the command run.
func NewRun(p *cli.Program) *cobra.Command {
	var s cli.Settings
	var named *string
	c := &cobra.Command{
		Use: "run", Short: "run the agent in the foreground", Args: cli.NoArgs, Annotations: cli.Annotations(cli.Endless, cli.Outlives),
		Long: `
Run the agent: the broker, its socket, and the collectors, each as a process of
its own. It needs no configuration and no privileges. With CAP_BPF and
CAP_PERFMON, or else with CAP_NET_ADMIN or a recent kernel, process events come
from the kernel at once, otherwise from polling.
Ctrl-C stops it, and so does SIGTERM; a second one kills it, but within half a
second of the first it counts as the same. SIGHUP has it read its configuration
again, as the command reload does. What it logs goes to standard error.`,
		Example: `daemoneye-agent run
daemoneye-agent run --config ./config.yaml --set log.level=debug
daemoneye-agent run --collectors none --max-connections 500`,
	}
	s.Flags(c)
	s.KeyFlags(c)
	c.Flags().Func("collectors", "`NAMES` of the only collectors to run, with commas; none for none", func(list string) error {
		named = &list
		return nil
	})
	cli.Complete(c, "collectors", append(cli.CollectorNames(), "none"))
	quiet := c.Flags().Bool("quiet", false, "say nothing but warnings and errors")
	c.RunE = func(c *cobra.Command, _ []string) error { return runAgent(c.Context(), p, &s, named, *quiet) }
	return c
}

// runAgent runs an agent with the settings s. named are the collectors of the flag,
// nil without it.
func runAgent(ctx context.Context, p *cli.Program, s *cli.Settings, named *string, quiet bool) error {
	// It is never undone, so that a late SIGHUP does not end the process.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	if named != nil {
		if err := onlyCollectors(s, *named); err != nil {
			return err
		}
	}
	if quiet {
		s.Add("--quiet", "log.level", "warn")
	}
	l, err := s.Load()
	if err != nil {
		return err
	}
	o := agent.Options{Config: l.Config, Load: s.Load, Version: p.Version, Level: new(slog.LevelVar), JSON: new(atomic.Bool)}
	o.JSON.Store(l.Config.Log.Format == "json")
	o.Logger = newLogger(p.Err, o.JSON, o.Level)
	if o.Service, err = systemd.New(); err != nil {
		o.Logger.Warn("service manager", "err", err)
	}
	if o.HostID = l.Config.HostID; o.HostID == "" {
		if o.HostID, err = (hostid.Source{}).ID(); err != nil {
			o.Logger.Warn("host id", "err", err)
		}
	}
	for _, w := range l.Warnings {
		o.Logger.Warn("configuration", "warning", w)
	}
	if o.DataDir = l.Config.Alerts.DataDir; o.DataDir == "" {
		if o.DataDir, err = store.DefaultDir(l.Config.InstanceID); err != nil {
			o.Logger.Warn("alerts are not kept", "err", err)
		}
	}
	o.Configured = specs
	if o.Command, o.Executable, err = collectorCommand(); err != nil {
		return err
	}
	if !quiet {
		greet(p, &o)
	}
	a, err := agent.New(o)
	if err != nil {
		return err
	}
	reloading, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	parts.Go(func() { reloadOn(reloading, hangups, a) })
	err = a.Run(ctx)
	stop()
	parts.Wait()
	if err != nil {
		return err
	}
	if !quiet {
		fmt.Fprintln(p.Out, "stopped")
	}
	return nil
}

// collectorCommand returns the command that runs a collector, and the file to run in
// its place where that is known: what is at the command's path may be another version
// by the time of a restart. Without procfs the path is all there is.
func collectorCommand() (command []string, file string, err error) {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		file = self
	}
	path, err := os.Executable()
	if err != nil {
		path, err = exec.LookPath(os.Args[0])
	}
	return []string{path, "collector"}, file, err
}

// reloadOn reloads a at each of the signals, until ctx ends. Signals that come during a
// reload count as one.
func reloadOn(ctx context.Context, hangups <-chan os.Signal, a *agent.Agent) {
	for {
		select {
		case <-hangups:
			_, _ = a.Reload(ctx, "SIGHUP") // it logs the outcome, and can load
		case <-ctx.Done():
			return
		}
	}
}

// specs returns the collectors that a configuration asks for. The settings of our own are
// checked here, because an error before the start is easier to see than one of a process.
func specs(c *config.Config) (all []manager.Spec, err error) {
	for _, k := range collectors.Kinds {
		section := "collectors." + k.Name
		if !c.Enabled(section) {
			continue
		}
		l := c.LimitsOf(section)
		all = append(all, manager.Spec{
			Config: control.ChildConfig{Collector: k.Name, Settings: c.Section(section)},
			Limits: life.Limits{CPUPercent: float64(l.CPUPercent), RSS: uint64(l.Memory)},
		})
	}
	for _, x := range all {
		if err := collectors.CheckCollector(x.Config); err != nil {
			return nil, err
		}
	}
	for name, x := range c.Collectors.Externals() {
		all = append(all, manager.Spec{
			Config:   control.ChildConfig{Collector: name},
			External: &manager.External{UID: x.UID, Executable: x.Executable},
		})
	}
	return all, nil
}

// greet has the agent print how it came up.
func greet(p *cli.Program, o *agent.Options) {
	o.Listening = func(path string) {
		fmt.Fprintf(p.Out, "daemoneye-agent %s, instance %s\n", p.Version, o.Config.InstanceID)
		fmt.Fprintf(p.Out, "  socket      %s\n", path)
	}
	o.Ready = func(s control.Status) {
		for _, c := range s.Collectors {
			text := c.Source
			if text == "" {
				text = string(c.State) + cli.ReasonText(cli.OneLine(c.LastExit))
			}
			if c.Opening {
				text += "; not open yet: it does not observe"
			}
			fmt.Fprintf(p.Out, "  %-11s %s\n", c.Name, display.Clean(text))
		}
		fmt.Fprintf(p.Out, "accepting after %s, ready; Ctrl-C stops\n", s.StartTime.Round(100*time.Microsecond))
	}
}

// onlyCollectors reads the flag --collectors: those that it names are enabled, and all
// others are not.
func onlyCollectors(s *cli.Settings, list string) error {
	var named []string
	if list != "none" && list != "" {
		named = strings.Split(list, ",")
	}
	known := cli.CollectorNames()
	for _, name := range known {
		s.Add("--collectors", "collectors."+name+".enabled", strconv.FormatBool(slices.Contains(named, name)))
	}
	for i, name := range named {
		if !slices.Contains(known, name) {
			return cli.Usagef("there is no collector %q; there is: %s", name, strings.Join(known, ", "))
		}
		if slices.Contains(named[:i], name) {
			return cli.Usagef("--collectors names %s twice", name)
		}
	}
	return nil
}
