package cli

import (
	"fmt"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

// PrintRules prints what became of a load of rules: mistakes and warnings on standard
// error, the rest as lines.
func PrintRules(p *Program, r *control.RulesReport) {
	for i := range r.Problems {
		what := "error"
		if r.Problems[i].Warning {
			what = "warning"
		}
		fmt.Fprintf(p.Err, "%s: %s\n", what, display.Clean(r.Problems[i].String()))
	}
	p.Line("%s", RulesText(r))
	for _, x := range r.InactiveRules {
		p.Line("inactive: %s: %s", x.Title, x.Reason)
	}
	if more := r.Inactive - len(r.InactiveRules); more > 0 {
		p.Line("and %d more that are inactive: \"daemoneye-agent rules list --inactive\" has all", more)
	}
	for _, file := range r.Kept {
		p.Line("%s has a mistake now: what was read of it before stays in force", file)
	}
}

// RulesText returns in a line which rules are loaded.
func RulesText(r *control.RulesReport) string {
	text := fmt.Sprintf("rules: %d active, %d inactive", r.Active, r.Inactive)
	if r.LeftOut > 0 {
		text += fmt.Sprintf(", %d not chosen", r.LeftOut)
	}
	text += fmt.Sprintf(", %d with a mistake; %d files", r.Errors, r.Files)
	if r.Unchanged {
		return text + ", unchanged"
	}
	return text + fmt.Sprintf(", read in %v, events held up for %v", r.Took.Round(time.Millisecond), r.Held.Round(100*time.Nanosecond))
}
