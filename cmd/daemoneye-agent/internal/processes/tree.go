package processes

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// NewTree makes the command tree.
func NewTree(p *cli.Program) *cobra.Command {
	var t cli.Target
	c := &cobra.Command{
		Use: "tree [PID]", Short: "show a process with those above and below it",
		Long: `
Show a process with its parent and those above it, and all below it, as the running
agent knows them. Without PID it is every process. On a terminal each is one line, two
columns further in than its parent; elsewhere it is one JSON object a line, in the form
of events, each behind its parent.`,
		Example: "daemoneye-agent tree 4711\ndaemoneye-agent tree $$",
	}
	t.Flags(c)
	lines := c.Flags().Bool("line", false, "print readable lines elsewhere too")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return cli.Usagef("wants one pid at most")
		}
		pid := 0
		if len(args) == 1 {
			var err error
			if pid, err = strconv.Atoi(args[0]); err != nil || pid <= 0 {
				return cli.Usagef("%q: want a pid", args[0])
			}
		}
		all, err := ask(c.Context(), &t)
		if err != nil {
			return err
		}
		all, indent, ok := tree(all, pid)
		if !ok {
			return fmt.Errorf("the agent knows no process %d", pid)
		}
		return print(p, all, indent, *lines)
	}
	return c
}

// tree returns a process with those above it and all below it, each behind its parent, and
// how deep each is. With pid 0 it is all of them. all is sorted by pid.
func tree(all []process, pid int) (found []process, depth []int, ok bool) {
	byPID := make(map[int]*process, len(all))
	for i := range all {
		byPID[all[i].pid] = &all[i]
	}
	children := make(map[int][]*process)
	var roots []*process
	for i := range all {
		x := &all[i]
		if byPID[x.ppid] != nil && x.ppid != x.pid {
			children[x.ppid] = append(children[x.ppid], x)
		} else {
			roots = append(roots, x)
		}
	}
	seen := make(map[int]bool) // a parent may have ended, and its pid be that of a child
	add := func(x *process, level int) {
		seen[x.pid] = true
		found, depth = append(found, *x), append(depth, level)
	}
	var below func(x *process, level int)
	below = func(x *process, level int) {
		add(x, level)
		for _, child := range children[x.pid] {
			if !seen[child.pid] {
				below(child, level+1)
			}
		}
	}
	if pid == 0 {
		for _, x := range roots {
			below(x, 0)
		}
		return found, depth, true
	}
	x := byPID[pid]
	if x == nil {
		return nil, nil, false
	}
	var above []*process
	for up := byPID[x.ppid]; up != nil && up.pid != pid && len(above) < len(all); up = byPID[up.ppid] {
		above = append(above, up)
	}
	for i := len(above) - 1; i >= 0; i-- {
		if !seen[above[i].pid] {
			add(above[i], len(above)-1-i)
		}
	}
	below(x, len(above))
	return found, depth, true
}
