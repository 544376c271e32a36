package ipc_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/router"
)

// roleEnv names what the test binary is to be when it is started again.
const roleEnv = "IPC_TEST_ROLE"

// roles are what the test binary can be. Each prints to its standard output how far it
// is, and ends when its standard input does.
var roles = map[string]func() error{
	"serve":                   serveRole,
	"serveWithoutDescriptors": serveWithoutDescriptors,
	"serveInherited":          serveInherited,
	"serveIdle":               serveIdle,
	"publish":                 publishRole,
	"publishHalf":             publishHalfRole,
	"subscribe":               subscribeRole,
	"request":                 requestRole,
	"whoami":                  whoamiRole,
	"otherClock":              otherClockRole,
}

// child is a process in a role.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser // the child lives until this ends
	lines chan string
}

// spawn starts the test binary in a role. It is killed at the latest when the
// test ends.
func spawn(t testing.TB, role string, args ...string) *child {
	t.Helper()
	return spawnWith(t, func(*exec.Cmd) {}, role, args...)
}

func spawnWith(t testing.TB, prepare func(*exec.Cmd), role string, args ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(exe, args...), lines: make(chan string, 1000)}
	c.cmd.Env = append(os.Environ(), roleEnv+"="+role)
	c.cmd.Stderr = os.Stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	prepare(c.cmd)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() { // kill waits for it
		defer close(read)
		defer close(c.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			c.lines <- in.Text()
		}
	}()
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		<-read
		c.cmd.Wait()
	})
	return c
}

// line waits for the next line that the child prints.
func (c *child) line() string {
	c.t.Helper()
	select {
	case l, ok := <-c.lines:
		if !ok {
			c.t.Fatalf("%v ended", c.cmd.Args)
		}
		return l
	case <-time.After(patience):
		c.t.Fatalf("%v says nothing", c.cmd.Args)
	}
	return ""
}

func (c *child) expect(want string) {
	c.t.Helper()
	if got := c.line(); !strings.HasPrefix(got, want) {
		c.t.Fatalf("the child says %q, want %q", got, want)
	}
}

// end closes its standard input and waits until it has ended.
func (c *child) end() {
	c.t.Helper()
	c.stdin.Close()     // perhaps again
	for range c.lines { // its output has closed
	}
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("%v: %v", c.cmd.Args, err)
	}
}

// kill ends it with SIGKILL and waits until the kernel has closed its sockets.
func (c *child) kill() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	for range c.lines { // its output has closed
	}
	c.cmd.Wait()
}

// untilStdinEnds is the life of a role.
func untilStdinEnds() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the process
		defer cancel()
		for b := make([]byte, 1); ; {
			if _, err := os.Stdin.Read(b); err != nil {
				return
			}
		}
	}()
	return ctx
}

func printLine(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func decodeStats(t testing.TB, b []byte) router.Stats {
	t.Helper()
	var st router.Stats
	if err := json.Unmarshal(b, &st); err != nil {
		t.Fatal(err)
	}
	return st
}
