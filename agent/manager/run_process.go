package manager

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
)

// errNotRegistered is why a process was stopped that does not register.
var errNotRegistered = errors.New("did not register")

// lostError is why a process was stopped that runs but is of no use any more.
type lostError struct{ reason string }

func (e lostError) Error() string { return e.reason }

// runProcess runs the collector's process until it ends: by itself, because it does
// not register or was lost, or because ctx ended. It waits for the process and
// returns why it ended; refused means that the agent refused it for the moment.
func (c *child) runProcess(ctx context.Context) (exit string, refused bool) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c.begin(ctx.Done(), stop)
	out := &output{log: c.log}
	cmd := c.command(ctx, out)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "start: " + err.Error(), false
	}
	c.started(cmd.Process.Pid)
	patience := time.AfterFunc(c.o.RegisterTimeout, func() {
		if c.snapshot().State == control.CollectorStarting {
			stop(fmt.Errorf("%w within %s", errNotRegistered, c.o.RegisterTimeout))
		}
	})
	defer patience.Stop() // one that fires all the same stops what has ended
	// The process waits for its configuration before it connects, so its pid is
	// known by then. If writing the configuration fails, the process ends with an
	// error of its own.
	_ = json.NewEncoder(in).Encode(c.config)
	err = cmd.Wait()
	out.flush()
	if ctx.Err() != nil && killed(cmd) {
		c.log.Warn("collector killed", "reason", "it did not end within "+c.o.StopTimeout.String())
	}
	refused = ctx.Err() == nil && cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == control.ExitRefused
	return ending(context.Cause(ctx), err, out.last), refused
}

// command is the collector's process, which is stopped when ctx ends.
func (c *child) command(ctx context.Context, out *output) *exec.Cmd {
	args := append(c.o.Command[1:len(c.o.Command):len(c.o.Command)], c.config.Collector)
	cmd := exec.CommandContext(ctx, cmp.Or(c.o.Executable, c.o.Command[0]), args...)
	cmd.Args[0] = c.o.Command[0]
	cmd.Stderr = out
	// A process group of its own keeps a terminal's Ctrl-C from the collector,
	// because the agent stops it in order.
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	// It bounds how long the process may take to end, and after its end how long
	// other processes may keep its standard error open.
	cmd.WaitDelay = c.o.StopTimeout
	return cmd
}

// killed reports whether the kernel had to end it.
func killed(cmd *exec.Cmd) bool {
	if cmd.ProcessState == nil {
		return false
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signal() == unix.SIGKILL
}

// ending returns why a process ended: cause is why it was stopped, nil when it was
// not; err is the error of waiting for it, and last the last line that it wrote.
func ending(cause, err error, last string) string {
	if errors.Is(cause, errNotRegistered) {
		return cause.Error()
	}
	var status *exec.ExitError
	var lost lostError
	switch {
	case errors.As(cause, &lost) && (last == "" || !errors.As(err, &status) || !status.Exited()):
		return lost.reason // unless it wrote a reason of its own
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return "ended by itself"
	case errors.As(err, &status) && status.Exited() && last != "":
		return err.Error() + ": " + last
	}
	return err.Error()
}
