package processes

import (
	"context"
	"os/exec"
	"strconv"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

// Role is the name of the process that starts programs.
const Role = "program-generator"

// Roles are the processes of this measurement.
func Roles() proc.Roles { return proc.Roles{Role: generate} }

// Load is what happens: so many programs that end at once, one after the other.
type Load struct {
	Programs  int
	PerSecond int // at most; 0 for as fast as they end
}

// program is what is run, with arguments of a usual length. The first one is its number.
const program = "/bin/true"

var arguments = []string{"--of", "five arguments", "together with the name", "110 bytes, as a command line has them on average"}

// generate runs the programs, and reports how long that took.
func generate(ctx context.Context, c *proc.Control) error {
	var l Load
	if err := c.Args(ctx, &l); err != nil {
		return err
	}
	if err := c.Ready(nil); err != nil {
		return err
	}
	if err := c.Go(ctx, nil); err != nil {
		return err
	}
	begin := load.Now()
	for i := range l.Programs {
		if l.PerSecond > 0 {
			if err := load.SleepUntil(ctx, begin+int64(i)*int64(time.Second)/int64(l.PerSecond)); err != nil {
				return err
			}
		}
		if err := exec.CommandContext(ctx, program, append([]string{strconv.Itoa(i)}, arguments...)...).Run(); err != nil {
			return err
		}
	}
	return c.Result(time.Duration(load.Now() - begin))
}
