package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/daemoneye/eventbus/agent/config"
)

var configCommand = command{
	name: "config", args: "check|show|default|schema", short: "check, show or explain the configuration",
	long: `
check    reads the configuration as run does, and lists every mistake in it.
show     prints all values in force; with -origin also where each comes from.
default  prints a file with all keys, each with its default and what it is.
schema   prints a JSON schema of the file, for editors.

The configuration is /etc/daemoneye/config.yaml for root, and for others
~/.config/daemoneye/config.yaml; the files conf.d/*.yaml beside it take precedence
over it, variables such as DAEMONEYE_LOG_LEVEL over these, and flags over all.`,
	run: runConfig,
}

func runConfig(_ context.Context, p *program, fs *flag.FlagSet, parse func() error) error {
	var s settings
	s.flags(fs)
	origin := fs.Bool("origin", false, "show where each value comes from")
	if err := parse(); err != nil {
		return err
	}
	if fs.NArg() != 1 {
		return usagef("wants one of check, show, default and schema")
	}
	switch fs.Arg(0) {
	case "default":
		return config.WriteDefault(p.out)
	case "schema":
		_, err := p.out.Write(config.Schema())
		return err
	case "check", "show":
	default:
		return usagef("there is no %q: want check, show, default or schema", fs.Arg(0))
	}
	l, err := s.load()
	for _, w := range l.Warnings {
		fmt.Fprintf(p.err, "daemoneye-agent: warning: %s\n", w)
	}
	if err != nil {
		return err
	}
	if fs.Arg(0) == "show" {
		return l.Write(p.out, *origin)
	}
	from := "no file"
	if len(l.Files) > 0 {
		from = strings.Join(l.Files, ", ")
	}
	fmt.Fprintf(p.out, "right: %s\n", from)
	return nil
}
