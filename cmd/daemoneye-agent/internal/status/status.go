package status

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// New makes the command status.
func New(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "status", Short: "show how the agent is, and its statistics", Args: cli.NoArgs,
		Long: `
Show the agent's health with its reasons, its collectors, and the broker's
statistics. The exit status is 0 when it is healthy, 3 when it is degraded, 4
when it is unhealthy, and 5 when no agent runs.`,
		Example: `daemoneye-agent status
daemoneye-agent status --json | jq .health`,
	}
	t.Flags(c)
	asJSON := c.Flags().Bool("json", false, "print everything as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return runStatus(c.Context(), p, &t, *asJSON) }
	return c
}

// NewVersion makes the command version.
func NewVersion(p *cli.Program) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version", Args: cli.NoArgs,
		Long:    "Print the version of this program, and what it was built with.",
		Example: "daemoneye-agent version",
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(p.Out, "daemoneye-agent %s (%s, %s/%s)\n", p.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

func runStatus(ctx context.Context, p *cli.Program, t *cli.Target, asJSON bool) error {
	client, err := t.Dial(ctx, ipc.ClientOptions{Name: "status"})
	if err != nil {
		return err
	}
	defer client.Close()
	s, err := cli.AskStatus(ctx, client)
	if err != nil {
		return err
	}
	if asJSON {
		err = p.JSON(&s)
	} else {
		err = printStatus(p, &s)
	}
	if err != nil {
		return err
	}
	switch s.Health.State {
	case control.Degraded:
		return cli.StatusError(cli.ExitDegraded)
	case control.Unhealthy:
		return cli.StatusError(cli.ExitUnhealthy)
	}
	return nil
}

// printStatus prints the most important lines first. On a terminal it fits its width.
func printStatus(p *cli.Program, s *control.Status) error {
	b, width := &s.Broker, p.Out.Width()
	facts := display.Table{Wrap: true}
	facts.Row("health", s.Health.State.String()+cli.ReasonText(s.Health.Reason)+sinceText(s.Health.Since))
	facts.Row("state", cmp.Or(string(s.Agent.State), cli.Unknown)+cli.ReasonText(s.Agent.Reason)+sinceText(s.Agent.Since))
	facts.Row("agent", fmt.Sprintf("%s, instance %s, pid %d, up %s, accepted after %s",
		s.Version, s.Instance, s.PID, s.Uptime.Round(time.Second), s.StartTime.Round(100*time.Microsecond)))
	facts.Row("host", strings.Join(append([]string{cmp.Or(s.HostID, cli.Unknown)}, labelTexts(s.Labels)...), ", "))
	facts.Row("socket", s.Socket)
	facts.Row("usage", usageText(&s.Usage))
	if len(s.RestartFor) > 0 {
		facts.Row("restart", "needed for "+strings.Join(s.RestartFor, ", "))
	}
	facts.Row("messages", fmt.Sprintf("%d published (%.4g/s over the last minute, %s), %d delivered, %d dropped, %d queued",
		b.Published, b.PublishRate, cli.BytesText(b.PublishedByte), b.Delivered, b.Dropped, b.Queued))
	facts.Row("latency", latencyText(&b.Latency)+" (publish to delivery)")
	facts.Row("clients", fmt.Sprintf("%d of %d", connections(b.Clients), s.MaxConnections))
	facts.Row("queues", queuesText(b.Subscriptions))
	facts.Row("buffers", fmt.Sprintf("%s of %s", cli.BytesText(b.BufferBytes), cli.BytesText(b.MaxBufferBytes)))
	facts.Row("drops", cli.Counts(b.DroppedBy))
	facts.Row("refused", cli.Counts(b.Refused))
	if s.Alerts != nil {
		facts.Row("alerts", alertsText(s.Alerts))
	}
	if err := facts.Write(p.Out, width); err != nil {
		return err
	}

	fmt.Fprintln(p.Out, "\nPARTS")
	parts := display.Table{Wrap: true}
	parts.Row("NAME", "HEALTH", "SINCE", "REASON")
	for _, name := range slices.Sorted(maps.Keys(s.Parts)) {
		h := s.Parts[name]
		parts.Row(name, h.State, cli.MomentText(h.Since), cmp.Or(h.Reason, "-"))
	}
	if err := parts.Write(p.Out, width); err != nil {
		return err
	}

	fmt.Fprintln(p.Out, "\nCOLLECTORS")
	collectors, ended := display.Table{Wrap: true}, display.Table{Wrap: true}
	collectors.Row("NAME", "STATE", "PID", "RESTARTS", "CPU", "RSS", "SOURCE")
	for _, c := range s.Collectors {
		cpu, rss := "-", "-"
		if c.Usage != nil {
			cpu, rss = cli.Figure("%.1f%%", c.Usage.CPUPercent), cli.MemoryText(c.Usage.RSS)
		}
		collectors.Row(c.Name, c.State, cli.PidText(c.PID), c.Restarts, cpu, rss, cmp.Or(c.Source, "-"))
		if c.Filtered > 0 {
			ended.Row(fmt.Sprintf("%s: %d events left out by its filter", c.Name, c.Filtered))
		}
		if c.LastExit != "" {
			ended.Row(c.Name + " ended last: " + cli.OneLine(c.LastExit))
		}
	}
	if err := errors.Join(collectors.Write(p.Out, width), ended.Write(p.Out, width)); err != nil {
		return err
	}

	if s.Detection != nil {
		if err := printDetection(p, s.Detection, width); err != nil {
			return err
		}
	}

	if len(s.Outputs) > 0 {
		fmt.Fprintln(p.Out, "\nOUTPUTS")
		if err := cli.PrintOutputs(p, s.Outputs); err != nil {
			return err
		}
	}

	fmt.Fprintln(p.Out, "\nCLIENTS")
	var clients display.Table
	clients.Row("SOURCE", "NAME", "ROLE", "PID", "UID", "PUBLISHED", "REFUSED")
	for _, c := range b.Clients {
		clients.Row(c.Source, c.Name, cmp.Or(c.Role, "-"), cli.PidText(c.PID), uidText(&c.Identity), c.Published, c.Refused)
	}
	if err := clients.Write(p.Out, width); err != nil {
		return err
	}

	fmt.Fprintln(p.Out, "\nSUBSCRIPTIONS")
	var subscriptions display.Table
	subscriptions.Row("SOURCE", "NAME", "PATTERNS", "MATCHED", "DELIVERED", "DROPPED", "QUEUED")
	for _, c := range b.Subscriptions {
		subscriptions.Row(c.Source, c.Name, strings.Join(c.Patterns, " "), c.Matched, c.Delivered, c.Dropped, c.Queued)
	}
	if err := subscriptions.Write(p.Out, width); err != nil {
		return err
	}
	if b.Truncated {
		fmt.Fprintln(p.Out)
		p.Line("Not all clients and subscriptions are shown: the answer must fit into a message.")
	}
	return nil
}

// alertsText returns what the store of alerts holds, and what went wrong.
func alertsText(a *control.AlertStore) string {
	text := fmt.Sprintf("%d kept (%s), %d count repeats", a.Kept, cli.BytesText(a.Bytes), a.Folds)
	for _, x := range []struct {
		n    uint64
		what string
	}{
		{uint64(a.Waiting), "wait for the disk"}, {a.Bursts, "beyond what their rule may raise"}, {a.Dropped, "found no room"}, {a.Lost, "lines of the journal lost"},
	} {
		if x.n > 0 {
			text += fmt.Sprintf(", %d %s", x.n, x.what)
		}
	}
	return text
}

// sinceText returns since when something is so.
func sinceText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", since " + cli.MomentText(t)
}

// connections counts the clients that are not the agent itself.
func connections(all []router.ClientStats) (n int) {
	for _, c := range all {
		if c.PID != 0 {
			n++
		}
	}
	return n
}

// queuesText returns how many messages wait for how many subscriptions, and which waits
// for most.
func queuesText(all []router.SubStats) string {
	if len(all) == 0 {
		return "none"
	}
	deepest := slices.MaxFunc(all, func(a, b router.SubStats) int { return cmp.Compare(a.Queued, b.Queued) })
	sum := 0
	for _, s := range all {
		sum += s.Queued
	}
	text := fmt.Sprintf("%d messages for %d subscriptions", sum, len(all))
	if deepest.Queued > 0 {
		text += fmt.Sprintf("; deepest %s of client %d: %d of %d", deepest.Name, deepest.Source, deepest.Queued, deepest.Capacity)
	}
	return text
}

func labelTexts(labels map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, name+"="+labels[name])
	}
	return all
}

// latencyText writes a latency, which is not known before something was delivered.
func latencyText(l *router.Latency) string {
	if l.Samples == 0 {
		return cli.Unknown
	}
	return fmt.Sprintf("p50 %s, p99 %s, p99.9 %s, max %s", cli.Short(l.P50), cli.Short(l.P99), cli.Short(l.P999), cli.Short(l.Max))
}

func usageText(u *control.Usage) string {
	share := cli.Unknown + " share"
	if u.CPUPercent != nil {
		share = fmt.Sprintf("%.1f%%", *u.CPUPercent)
	}
	return fmt.Sprintf("%s of a core, %s resident, %s threads, %s open files",
		share, cli.MemoryText(u.RSS), cli.Figure("%d", u.Threads), cli.Figure("%d", u.OpenFiles))
}

// uidText writes the user of a client's process; the agent itself has no other process.
func uidText(who *router.Identity) string {
	if who.PID == 0 {
		return "-"
	}
	return strconv.Itoa(who.UID)
}
