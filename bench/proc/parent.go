package proc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Process is a role that runs. Its methods are for one goroutine at a time, Stop for
// any.
type Process struct {
	role    string
	cmd     *exec.Cmd
	orders  *os.File
	reports chan message // closed when the child has closed its end
	ended   chan struct{}
	stop    sync.Once

	// written before ended is closed, read after
	waitErr error
	output  tail // the end of what it wrote to standard output and error
}

func start(ctx context.Context, path, role string, args any) (*Process, error) {
	m, err := newMessage(kindArgs, args)
	if err != nil {
		return nil, err
	}
	p := &Process{role: role, reports: make(chan message, 4), ended: make(chan struct{})}
	if err := p.start(ctx, path); err != nil {
		return nil, fmt.Errorf("proc: start %s: %w", role, err)
	}
	if err := p.send(m); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func (p *Process) start(ctx context.Context, path string) error {
	ordersIn, orders, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ordersIn.Close()
	reports, reportsOut, err := os.Pipe()
	if err != nil {
		orders.Close()
		return err
	}
	defer reportsOut.Close()

	cmd := exec.CommandContext(ctx, path)
	cmd.Env = append(os.Environ(), roleVariable+"="+p.role,
		// The race detector lets a process sleep for a second before it exits; with
		// many short ones that adds up.
		"GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0")
	cmd.ExtraFiles = []*os.File{ordersIn, reportsOut}
	cmd.Stdout = &p.output // the parent's own output is often read by a program
	cmd.Stderr = &p.output
	cmd.WaitDelay = grace
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd, p.orders = cmd, orders

	started := make(chan error)
	go p.keep(started) // ends with the child; Stop waits for it
	if err := <-started; err != nil {
		orders.Close()
		reports.Close()
		return err
	}
	go p.listen(reports) // ends when the child closes its end, which it does at the latest when it dies
	return nil
}

// keep holds on to one thread for as long as the child lives: the kernel sends the
// death signal when the *thread* that started the child ends, not the process.
func (p *Process) keep(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.waitErr = p.cmd.Wait()
	}
	close(p.ended)
}

func (p *Process) listen(reports *os.File) {
	defer reports.Close()
	defer close(p.reports)
	for d := json.NewDecoder(reports); ; {
		var m message
		if d.Decode(&m) != nil {
			return
		}
		p.reports <- m
	}
}

// Pid returns the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Ready waits until the role is set up, and decodes what it sends with that.
func (p *Process) Ready(ctx context.Context, v any) error { return p.receive(ctx, kindReady, v) }

// Go starts the measurement of the role.
func (p *Process) Go(v any) error {
	m, err := newMessage(kindGo, v)
	if err != nil {
		return err
	}
	return p.send(m)
}

// Result waits for the role's result.
func (p *Process) Result(ctx context.Context, v any) error { return p.receive(ctx, kindResult, v) }

// Stop ends the process and waits until it is gone: first by closing its orders,
// then, when it has not gone after two seconds, by killing it. It returns an error
// when the process has not ended by itself and in peace, which is also how a race
// that the detector has found in a child comes to light. It may be called more than
// once.
func (p *Process) Stop() error {
	p.stop.Do(func() {
		p.orders.Close()
		select {
		case <-p.ended:
		case <-time.After(grace):
			_ = p.cmd.Process.Kill() // it may have gone in this moment
		}
	})
	<-p.ended
	if p.waitErr != nil {
		return fmt.Errorf("proc: %s: %w", p.role, p.fate())
	}
	return nil
}

func (p *Process) send(m message) error {
	if err := json.NewEncoder(p.orders).Encode(m); err != nil {
		return fmt.Errorf("proc: %s to %s: %w", m.Kind, p.role, errors.Join(err, p.fate()))
	}
	return nil
}

func (p *Process) receive(ctx context.Context, k kind, v any) error {
	select {
	case m, open := <-p.reports:
		if !open {
			return fmt.Errorf("proc: %s ended before it was %s: %w", p.role, k, p.fate())
		}
		if m.Kind == kindError {
			var text string
			_ = json.Unmarshal(m.Body, &text) // an empty text is still an error
			return fmt.Errorf("proc: %s: %s", p.role, text)
		}
		if err := m.into(k, v); err != nil {
			return fmt.Errorf("proc: %s: %w", p.role, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("proc: %s: wait until %s: %w", p.role, k, context.Cause(ctx))
	}
}

// fate describes how the process has ended: its exit status and the end of its output.
func (p *Process) fate() error {
	<-p.ended
	if p.waitErr == nil {
		return fmt.Errorf("exit status 0\n%s", p.output.text)
	}
	return fmt.Errorf("%w\n%s", p.waitErr, p.output.text)
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(b), nil
}
