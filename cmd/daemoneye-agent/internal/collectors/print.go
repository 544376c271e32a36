package collectors

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// took is how long the agent worked on an operation.
func took(r *control.Response) string { return cli.Short(r.Total) }

func printProcess(p *cli.Program, name string, r *control.Response) error {
	v, err := decode[control.Started](r)
	if err == nil {
		p.Line("%s: running as pid %d after %s", name, v.PID, took(r))
	}
	return err
}

func printStopped(p *cli.Program, name string, r *control.Response) error {
	v, err := decode[control.Stopped](r)
	if err != nil {
		return err
	}
	how := "stopped"
	if v.Killed {
		how = "killed"
	}
	p.Line("%s: %s after %s: %s", name, how, took(r), cmp.Or(cli.OneLine(v.Exit), "it had no process"))
	return nil
}

func printState(p *cli.Program, name string, r *control.Response) error {
	v, err := decode[control.Changed](r)
	if err == nil {
		p.Line("%s: %s after %s", name, v.State, took(r))
	}
	return err
}

func printConfigured(p *cli.Program, name string, r *control.Response) error {
	v, err := decode[control.ConfigUpdated](r)
	switch keys := strings.Join(v.Changed, ", "); {
	case err != nil:
		return err
	case v.Validated && keys == "":
		p.Line("%s: right, and nothing would change", name)
	case v.Validated:
		p.Line("%s: right, and would change %s", name, keys)
	case keys == "":
		p.Line("%s: nothing has changed", name)
	default:
		p.Line("%s: changed %s after %s; configuration %d is in force", name, keys, took(r), v.Version)
	}
	if err == nil && v.Restarted {
		p.Line("%s: it has begun anew; what it missed is announced as a gap", name)
	}
	return nil
}

func printReport(p *cli.Program, _ string, r *control.Response) error {
	v, err := decode[control.Report](r)
	if err != nil {
		return err
	}
	facts := display.Table{Wrap: true}
	reason := ""
	if v.Health.Reason != "" {
		reason = ": " + v.Health.Reason
	}
	facts.Row("health", v.Health.State.String()+reason)
	facts.Row("state", v.State)
	facts.Row("process", fmt.Sprintf("%s, pid %d, up %s", v.Version, v.PID, v.Uptime.Round(time.Second)))
	facts.Row("source", v.Source)
	facts.Row("events", fmt.Sprintf("%d published, %d that the bus did not take, %d left out by the filter", v.Emitted, v.Failed, v.Filtered))
	facts.Row("config", fmt.Sprintf("number %d of this process", v.ConfigVersion))
	facts.Row("answered", "after "+took(r))
	return facts.Write(p.Out, p.Out.Width())
}

func printCapabilities(p *cli.Program, _ string, r *control.Response) error {
	v, err := decode[control.Capabilities](r)
	if err != nil {
		return err
	}
	var operations []string
	for _, o := range v.Operations {
		operations = append(operations, string(o))
	}
	facts := display.Table{Wrap: true}
	facts.Row("collector", v.Collector+" "+v.Version)
	facts.Row("source", v.Source)
	for _, row := range []struct {
		name string
		list []string
	}{
		{"events", v.EventTypes}, {"topics", v.Topics}, {"operations", operations}, {"tasks", v.Tasks}, {"settings", v.Config},
	} {
		facts.Row(row.name, cmp.Or(strings.Join(row.list, ", "), "none"))
	}
	return facts.Write(p.Out, p.Out.Width())
}

// printTask prints the result as it is, because programs read it.
func printTask(p *cli.Program, _ string, r *control.Response) error {
	v, err := decode[control.TaskResult](r)
	if err != nil || len(v.Result) == 0 {
		return err
	}
	return p.JSON(v.Result)
}

func sourceText(c *control.CollectorStatus) string {
	text := cmp.Or(c.Source, "-")
	if c.External {
		return "external: " + text
	}
	return text
}
