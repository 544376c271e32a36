package processes

import (
	"cmp"
	"slices"
	"sort"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// orders are what the list can be sorted by.
var orders = map[string]func(a, b *process) int{
	"pid":   func(a, b *process) int { return cmp.Compare(a.pid, b.pid) },
	"start": func(a, b *process) int { return cmp.Compare(a.start, b.start) },
	"name":  func(a, b *process) int { return cmp.Compare(a.text("process.name"), b.text("process.name")) },
	"user":  func(a, b *process) int { return cmp.Compare(a.user(), b.user()) },
}

var orderNames = []string{"pid", "start", "name", "user"}

// New makes the command processes.
func New(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "processes [NAME...]", Short: "list the processes that the agent knows",
		Long: `
List the processes of the host as the running agent knows them: from its process
collector, without a look at /proc. NAME is a pattern of names, in which * is any
text. On a terminal each is one line; elsewhere it is one JSON object a line, in the
form of events, with user, unit, container, parent and ancestors.`,
		Example: `daemoneye-agent processes
daemoneye-agent processes 'ssh*' --sort start
daemoneye-agent processes --where user.id=0 --where systemd.unit=cron.service`,
	}
	t.Flags(c)
	fs := c.Flags()
	where := fs.StringArray("where", nil, "print what meets `FIELD=VALUE` or FIELD!=VALUE, in which * is any text; may be repeated")
	by := fs.String("sort", "pid", "`ORDER` of the list: pid, start, name or user")
	lines := fs.Bool("line", false, "print readable lines elsewhere too")
	cli.Complete(c, "sort", orderNames)
	c.RunE = func(c *cobra.Command, args []string) error {
		order := orders[*by]
		if order == nil {
			return cli.Usagef("--sort %s: want pid, start, name or user", *by)
		}
		var conditions []display.Condition
		for _, text := range *where {
			x, err := display.ParseCondition(text)
			if err != nil {
				return cli.Usagef("--where %s: %w", text, err)
			}
			conditions = append(conditions, x)
		}
		var names []display.Condition
		for _, name := range args {
			x, err := display.ParseCondition("process.name=" + name)
			if err != nil {
				return cli.UsageError{Err: err}
			}
			names = append(names, x)
		}
		all, err := ask(c.Context(), &t)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(x process) bool {
			meets := func(c display.Condition) bool { return c.Match(x.Record) }
			return slices.ContainsFunc(conditions, func(c display.Condition) bool { return !meets(c) }) ||
				len(names) > 0 && !slices.ContainsFunc(names, meets)
		})
		sort.SliceStable(all, func(i, j int) bool { return order(&all[i], &all[j]) < 0 })
		return print(p, all, nil, *lines)
	}
	return c
}
