package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

// ExitText explains the exit statuses.
const ExitText = `0 done, 1 failed, 2 wrong use or configuration, 3 the agent is degraded (status), 4 it is unhealthy (status), 5 no agent runs, 6 no subscription has the message (publish --confirm), 7 not now: later it may succeed (collectors).`

// Help writes what there is to know about a command, in 80 columns.
func (p *Program) Help(w io.Writer, c *cobra.Command) {
	var b strings.Builder
	if c.HasParent() {
		fmt.Fprintf(&b, "Usage: %s\n\n%s\n", UsageLine(c), paragraphs(c.Long))
	} else {
		fmt.Fprintf(&b, "%s\n\nUsage:\n  %s COMMAND [FLAGS] [ARGUMENTS]\n", paragraphs(c.Long), c.Name())
	}
	if subs := Visible(c); len(subs) > 0 {
		b.WriteString("\nCommands:\n")
		for _, sub := range subs {
			entry(&b, strings.TrimSpace(sub.Name()+" "+ArgsOf(sub)), sub.Short)
		}
		fmt.Fprintf(&b, "\nRun \"daemoneye-agent help %sCOMMAND\" for its flags.\n", strings.TrimPrefix(c.CommandPath()+" ", c.Root().Name()+" "))
	}
	flags := false
	EachFlag(c, func(name, kind, text string) {
		if !flags {
			b.WriteString("\nFlags:\n")
		}
		flags = true
		entry(&b, strings.TrimSpace("--"+name+" "+kind), text)
	})
	if !c.HasParent() {
		fmt.Fprintf(&b, "\nExit status: %s\n", strings.Join(display.Wrap(ExitText, Width, len("Exit status: ")), "\n"))
	}
	if c.Example != "" {
		b.WriteString("\nExample:\n")
		for line := range strings.Lines(c.Example + "\n") {
			b.WriteString("  " + line)
		}
	}
	_, _ = io.WriteString(w, b.String())
}

// UsageLine is daemoneye-agent NAME [FLAGS] ARGUMENTS.
func UsageLine(c *cobra.Command) string {
	line := c.CommandPath()
	if c.HasSubCommands() {
		return line + " COMMAND"
	}
	EachFlag(c, func(string, string, string) { line = c.CommandPath() + " [FLAGS]" })
	return strings.TrimSpace(line + " " + ArgsOf(c))
}

// ArgsOf are the arguments that a command names in its use.
func ArgsOf(c *cobra.Command) string {
	_, args, _ := strings.Cut(c.Use, " ")
	return args
}

// EachFlag calls f with the name, the value and the explanation of each flag of c but
// for help, in the order of their names.
func EachFlag(c *cobra.Command, f func(name, kind, text string)) {
	c.Flags().VisitAll(func(x *pflag.Flag) {
		if x.Name == "help" || x.Hidden {
			return
		}
		text := x.Usage
		if d := x.DefValue; d != "" && d != "false" && d != "0" && d != "0s" && d != "[]" {
			text += fmt.Sprintf(" (default %s)", d)
		}
		f(x.Name, strings.Join(x.Annotations[valueName], ""), text)
	})
}

// column is where explanations begin.
const column = 28

// entry writes one line of a list; an explanation that is too long goes on below
// itself.
func entry(b *strings.Builder, name, text string) {
	if len(name) > column-4 {
		fmt.Fprintf(b, "  %s\n", name)
		name = ""
	}
	for i, line := range display.Wrap(text, Width-column, 0) {
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(b, "  %-*s%s\n", column-2, name, line)
	}
}

// paragraphs breaks the lines of text, where an empty one ends a paragraph.
func paragraphs(text string) string {
	var all []string
	for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		all = append(all, strings.Join(display.Wrap(p, Width, 0), "\n"))
	}
	return strings.Join(all, "\n\n")
}

// valueName is the annotation of a flag with what help calls its value.
const valueName = "value"

// NameValues takes the name of a flag's value out of the backquotes in its
// explanation, for c and all below it, because completion shows the explanation as it
// is.
func NameValues(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		kind, text := pflag.UnquoteUsage(f)
		f.Usage = text
		// It fails for a flag that is not there, and this one is.
		_ = c.Flags().SetAnnotation(f.Name, valueName, []string{kind})
	})
	for _, sub := range c.Commands() {
		NameValues(sub)
	}
}
