package storytest

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come; only a test that fails takes that
// long.
const patience = 20 * time.Second

// nobody is a user without rights.
const nobody = 65534

// As is how a child is started: with which rights, and below which command.
type As struct {
	Attributes *syscall.SysProcAttr
	Below      []string
}

// Nobody is another user than root, who has these capabilities and no other ones.
func Nobody(capabilities ...uintptr) As {
	return As{Attributes: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, AmbientCaps: capabilities}}
}

// Bare is root without any capability, as in a container that has none.
func Bare() As {
	return As{Below: []string{"setpriv", "--bounding-set", "-all", "--inh-caps", "-all"}}
}

// Rootless is root of a user namespace, who is nobody outside of it: it has each
// capability, and none that counts for the host.
func Rootless() As {
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}}
	return As{Attributes: &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids,
		Credential: &syscall.Credential{NoSetGroups: true},
	}}
}

// Child is this test binary in another process. Its lines of output are read, so that it
// never waits for us.
type Child struct {
	*exec.Cmd
	t     testing.TB
	lines chan string // closed when all of its output has been read
}

// Start starts a child with additions to the environment, by which TestMain knows what it
// is to do. It is killed with the test, and its standard input ends before that. Without
// the right to start it the test is skipped.
func Start(t testing.TB, as As, env ...string) *Child {
	t.Helper()
	// By its descriptor another user can run it, whoever may look into the folder.
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	args := append(append([]string(nil), as.Below...), "/proc/self/fd/3")
	c := &Child{Cmd: exec.Command(args[0], args[1:]...), t: t, lines: make(chan string, 1<<14)}
	c.Env = append(os.Environ(), env...)
	c.ExtraFiles = []*os.File{self}
	c.SysProcAttr = as.Attributes
	c.Stderr = os.Stderr
	c.Dir = "/"
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Cmd.Start()
	}
	if err != nil {
		in.Close()
		t.Skipf("not permitted here: %v", err)
	}
	go func() { // ends with the process
		defer close(c.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		in.Close()
		c.Kill()
	})
	return c
}

// Kill kills the child, and returns when it has ended.
func (c *Child) Kill() {
	_ = c.Process.Kill() // it may have ended
	for range c.lines {
	}
	_ = c.Wait()
}

// Await returns the first line that begins with prefix, without it. The lines before it are
// let go.
func (c *Child) Await(prefix string) string {
	c.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				c.t.Fatalf("the child ended without a line %q", prefix)
			}
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return rest
			}
		case <-timeout:
			c.t.Fatalf("no line %q came from the child", prefix)
		}
	}
}
