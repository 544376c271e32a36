package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// What is special about a command stands in its annotations.
const (
	// Endless commands go on until Ctrl-C, so that is no failure of theirs.
	Endless = "endless"
	// Outlives commands are not ended by SIGHUP, as all others are by the end of their
	// terminal.
	Outlives = "outlives"
)

// Is reports whether c has an annotation.
func Is(c *cobra.Command, what string) bool { return c.Annotations[what] != "" }

// Annotations returns annotations of a command.
func Annotations(all ...string) map[string]string {
	m := map[string]string{}
	for _, a := range all {
		m[a] = a
	}
	return m
}

// NoArgs refuses arguments.
func NoArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("takes no arguments, got %q", args[0])
	}
	return nil
}

// Group is a command that has only commands below it.
func Group(c *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	c.AddCommand(subs...)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		want := oneOf(strings.Split(Names(c), ", "))
		if len(args) == 0 {
			return Usagef("wants a command: %s", want)
		}
		return Usagef("there is no %q: want %s%s", args[0], want, Meant(args[0], strings.Split(Names(c), ", ")))
	}
	return c
}

// Visible returns the commands below c that its help names.
func Visible(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			all = append(all, sub)
		}
	}
	return all
}

// Names are those of the commands below c that its help names, with commas.
func Names(c *cobra.Command) string {
	var all []string
	for _, sub := range Visible(c) {
		all = append(all, sub.Name())
	}
	return strings.Join(all, ", ")
}

// oneOf writes words as a, b or c.
func oneOf(words []string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " or " + words[n]
}
