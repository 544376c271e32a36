package cli

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

// PrintOutputs prints a line for each output, and the reasons of those that are not healthy.
func PrintOutputs(p *Program, all []control.OutputStatus) error {
	table, reasons := display.Table{}, display.Table{Wrap: true}
	table.Row("NAME", "TYPE", "HEALTH", "ALERTS", "MESSAGES", "LAG", "LOST", "LAST SENT", "TARGET")
	for i := range all {
		o := &all[i]
		table.Row(o.Name, o.Type, o.Health.State, o.Alerts, o.Messages, o.Lag, o.Missed+o.Lost+o.Refused, MomentText(o.LastSent), cmp.Or(display.Clean(o.Target), "-"))
		if o.Health.State == control.Healthy {
			continue
		}
		next := ""
		if d := time.Until(o.NextTry); !o.NextTry.IsZero() && d > 0 {
			next = ", tries again in " + Short(d.Round(time.Second))
		}
		reasons.Row(fmt.Sprintf("%s: %s%s", o.Name, display.Clean(OneLine(o.Health.Reason)), next))
	}
	return errors.Join(table.Write(p.Out, p.Out.Width()), reasons.Write(p.Out, p.Out.Width()))
}
