package status

import (
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// printDetection prints how detection is, and which rules take most.
func printDetection(p *cli.Program, d *control.Detection, width int) error {
	fmt.Fprintln(p.Out, "\nDETECTION")
	facts := display.Table{Wrap: true}
	facts.Row("rules", fmt.Sprintf("%d active, %d inactive, %d not chosen, %d with a mistake", d.Rules.Active, d.Rules.Inactive, d.Rules.LeftOut, d.Rules.Errors))
	facts.Row("events", fmt.Sprintf("%d looked at, %d lost, %d forged, %d that are none; %s behind", d.Events, d.Lost, d.Forged, d.Invalid, d.Lag.Round(time.Microsecond)))
	facts.Row("matches", fmt.Sprintf("%d, of which %d alerts", d.Matches, d.Alerts))
	w := &d.Windows
	facts.Row("windows", fmt.Sprintf("%d groups of correlations with %d matches, %s; %d pushed out", w.Groups, w.Entries, cli.BytesText(uint64(w.Bytes)), w.EvictedGroups+w.EvictedEntries))
	for i, c := range d.Costs {
		if i == 3 {
			break
		}
		facts.Row("takes most", fmt.Sprintf("%s an event, %.0f%%: %s", c.PerEvent, 100*c.Share, display.Clean(c.Title)))
	}
	return facts.Write(p.Out, width)
}
