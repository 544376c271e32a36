package alerts

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/agent/alert/desk"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// change is a command that changes alerts.
type change struct {
	do                         desk.Verb
	use, short, long, examples string
}

// changes is the table of these commands, in the order of the help.
var changes = []change{
	{
		desk.Acknowledge, "ack ID...", "acknowledge alerts: somebody looks after them", `
Acknowledge alerts. Repeats go on counting in them. With --note say what is known.`,
		"daemoneye-agent alerts ack 7AW7B3QX --note 'asked the owner'",
	},
	{
		desk.Close, "close ID...", "close alerts: they are done with", `
Close alerts. "alerts list" leaves them out, and when the same happens again it is a
new alert.`,
		"daemoneye-agent alerts close 7AW7B3QX --note 'a test of the backup'",
	},
	{
		desk.Reopen, "reopen ID...", "open alerts again", `
Open alerts again that were acknowledged or closed.`,
		"daemoneye-agent alerts reopen 7AW7B3QX --note 'it was no test'",
	},
	{
		desk.Note, "note ID...", "write something down about alerts", `
Add a note to alerts, with the time and your name.`,
		"daemoneye-agent alerts note 7AW7B3QX --note 'the binary is on the share'",
	},
}

func newChange(p *cli.Program, x *change) *cobra.Command {
	var t cli.Target
	var form formFlags
	c := &cobra.Command{Use: x.use, Short: x.short, Long: x.long, Example: x.examples}
	t.Flags(c)
	form.flags(c)
	note := c.Flags().String("note", "", "`TEXT` to write down with it")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cli.Usagef("wants the id of an alert: see \"daemoneye-agent alerts list\"")
		}
		if x.do == desk.Note && *note == "" {
			return cli.Usagef("wants --note TEXT")
		}
		out, err := form.printer(p)
		if err != nil {
			return err
		}
		s, err := connect(c.Context(), p, &t, false)
		if err != nil {
			return err
		}
		defer s.close()
		a, err := s.ask(c.Context(), &desk.Request{Do: x.do, Alerts: args, Text: *note})
		if a != nil {
			err = errors.Join(err, out.alerts(a.Alerts)) // those that were done
		}
		return err
	}
	return c
}
