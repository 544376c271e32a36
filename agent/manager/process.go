package manager

import (
	"cmp"
	"encoding/json"
	"errors"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager/life"
)

// process is one process of a collector. Manager.acting guards it.
type process struct {
	cmd    *exec.Cmd     // nil as long as it was not started
	asked  bool          // it is to end
	killed bool          // it is to be killed
	done   chan struct{} // closed when it has ended
}

func (p *process) terminate() {
	p.asked = true
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(unix.SIGTERM) // it has ended, or will be killed
	}
}

func (p *process) kill() {
	p.killed = true
	if p.cmd != nil {
		_ = p.cmd.Process.Kill() // it has ended, or that it does not end is reported
	}
}

// starter starts processes on a thread of its own. The kernel's death signal follows the
// thread that started a process, so that this one has to last as long.
type starter struct {
	mu    sync.Mutex
	queue []func()      // guarded by mu
	more  chan struct{} // holds one
	stop  chan struct{}
	ended chan struct{}
}

func newStarter() *starter {
	return &starter{more: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
}

// run runs what is queued until close.
func (s *starter) run() {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	defer close(s.ended)
	for {
		select {
		case <-s.stop:
			return
		case <-s.more:
		}
		for f := s.next(); f != nil; f = s.next() {
			f()
		}
	}
}

func (s *starter) next() (f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		f, s.queue = s.queue[0], s.queue[1:]
	}
	return f
}

// add queues f. It never waits.
func (s *starter) add(f func()) {
	s.mu.Lock()
	s.queue = append(s.queue, f)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// close ends run, and with its thread all processes that it started.
func (s *starter) close() {
	close(s.stop)
	<-s.ended
}

// spawn has the collector's process started. acting is held.
func (m *Manager) spawn(c *child) {
	p := &process{done: make(chan struct{})}
	c.process, c.pid, c.session, c.source = p, 0, 0, ""
	c.excess = life.Excess{}
	config := c.config()
	config.Socket = m.socket
	m.starter.add(func() { m.start(c, p, config) })
}

// start starts a process, and returns when it has its configuration. It waits on no lock but
// acting.
func (m *Manager) start(c *child, p *process, config control.ChildConfig) {
	out := &stderr{log: c.log}
	cmd := m.command(c.name, out)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	m.acting.Lock()
	defer m.acting.Unlock()
	if err != nil {
		close(p.done)
		c.process = nil
		m.take(c, life.Event{Kind: life.NotSpawned, Reason: err.Error()})
		return
	}
	p.cmd, c.pid = cmd, cmd.Process.Pid
	m.take(c, life.Event{Kind: life.Spawned})
	if p.asked {
		p.terminate()
	}
	if p.killed {
		p.kill()
	}
	// The process waits for its configuration before it connects, so its pid is known by
	// then. If writing the configuration fails, the process ends with an error of its own.
	_ = json.NewEncoder(in).Encode(config)
	go m.reap(c, p, out) // closes p.done, which Run waits for
}

// command is the collector's process.
func (m *Manager) command(name string, out *stderr) *exec.Cmd {
	args := append(m.o.Command[1:len(m.o.Command):len(m.o.Command)], name)
	cmd := exec.Command(cmp.Or(m.o.Executable, m.o.Command[0]), args...)
	cmd.Args[0] = m.o.Command[0]
	cmd.Stderr = out
	// A process group of its own keeps a terminal's Ctrl-C from the collector, because the
	// agent stops it in order.
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL, Setpgid: true}
	// It bounds for how long after the end of the process others may keep its standard error
	// open.
	cmd.WaitDelay = lateOutput
	return cmd
}

// reap waits for a process and returns how it ended.
func (m *Manager) reap(c *child, p *process, out *stderr) {
	err := p.cmd.Wait()
	out.flush()
	m.acting.Lock()
	defer m.acting.Unlock()
	defer close(p.done)
	c.process, c.pid, c.session = nil, 0, 0
	c.how, c.killed = ending(err, out.last), p.killed
	refused := p.cmd.ProcessState.ExitCode() == control.ExitRefused
	m.take(c, life.Event{Kind: life.Exited, Reason: c.how, Refused: refused})
}

// ending returns how a process ended: err is the error of waiting for it, and last the last
// line that it wrote.
func ending(err error, last string) string {
	var status *exec.ExitError
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return "ended by itself"
	case errors.As(err, &status) && status.Exited() && last != "":
		return err.Error() + ": " + last
	}
	return err.Error()
}
