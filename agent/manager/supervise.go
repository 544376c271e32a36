package manager

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
)

// supervise runs the collector again and again, until ctx ends or it is given
// up.
func (c *child) supervise(ctx context.Context) {
	// The kernel's death signal follows the thread that started the process, so
	// this one has to last as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	log := c.o.Logger.With("collector", c.config.Collector)
	backoff := c.o.FirstBackoff
	restarts := 0
	for {
		begun := time.Now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			c.update(func(s *control.CollectorStatus) { s.State, s.PID = Stopped, 0 })
			return
		}
		if time.Since(begun) >= c.o.MadeGood {
			restarts, backoff = 0, c.o.FirstBackoff
		}
		exit := "ended by itself"
		if err != nil {
			exit = err.Error()
		}
		if restarts >= c.o.MaxRestarts {
			c.update(func(s *control.CollectorStatus) { s.State, s.PID, s.LastExit = GaveUp, 0, exit })
			log.Error("collector given up", "restarts", restarts, "exit", exit)
			return
		}
		restarts++
		pause := backoff/2 + rand.N(backoff/2+1)
		backoff = min(2*backoff, c.o.MaxBackoff)
		c.update(func(s *control.CollectorStatus) {
			s.State, s.PID, s.LastExit = Restarting, 0, exit
			s.Restarts++
		})
		log.Warn("collector ended", "exit", exit, "restart_in", pause)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			c.update(func(s *control.CollectorStatus) { s.State = Stopped })
			return
		case <-t.C:
		}
	}
}

// once runs the collector until it ends, by itself or because ctx did.
func (c *child) once(ctx context.Context) (err error) {
	command := append(c.o.Command[1:len(c.o.Command):len(c.o.Command)], c.config.Collector)
	cmd := exec.CommandContext(ctx, c.o.Command[0], command...)
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = c.o.StopTimeout
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	cmd.Stdout = nil
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	c.update(func(s *control.CollectorStatus) { s.State, s.PID, s.Source = Starting, cmd.Process.Pid, "" })
	var logging sync.WaitGroup
	logging.Go(func() { c.relay(out) })
	// The process waits for its configuration before it connects, so its pid is
	// known by then.
	err = json.NewEncoder(in).Encode(c.config)
	logging.Wait() // the end of its output is its end, or that it closed it
	if werr := cmd.Wait(); werr != nil {
		err = werr // why it ended says more than why it could not be told something
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = fmt.Errorf("killed: did not end within %s", c.o.StopTimeout)
	}
	return err
}

// relay logs what the collector writes to its standard error, a line at a time.
func (c *child) relay(r io.Reader) {
	log := c.o.Logger.With("collector", c.config.Collector)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		log.Info(lines.Text())
	}
	// A line beyond all bounds ends the scanner; the collector must not block.
	if _, err := io.Copy(io.Discard, r); err != nil {
		log.Debug("output", "err", err)
	}
}
