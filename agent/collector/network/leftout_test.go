package network

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/filter"
	"github.com/daemoneye/eventbus/agent/event"
)

// leftUser is nobody else on this machine.
const leftUser = 64321

// visiting has this test binary be a user instead, as TestMain does it: see Visit.
const visiting = "NETWORK_TEST_VISIT"

// Visit does what the lines hold that it reads, and prints a port for each. For -1 it listens
// on one, and closes each connection that comes. For another number it connects to an
// address, as often as the number is, until the other side closes, or for 0 once, until
// it ends itself.
func Visit(address string) int {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return 2
		}
		if n < 0 {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return 1
			}
			go func() { // ends with the process
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					c.Close()
				}
			}()
			fmt.Println(l.Addr().(*net.TCPAddr).Port)
			continue
		}
		var last net.Conn
		for range max(n, 1) {
			if last, err = net.Dial("tcp", address); err != nil {
				return 1
			}
			if n > 0 {
				_, _ = io.Copy(io.Discard, last)
				last.Close()
			}
		}
		fmt.Println(last.LocalAddr().(*net.TCPAddr).Port)
	}
	return 0
}

// visitor is a process of leftUser.
type visitor struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
	end func()
}

func visit(t *testing.T, address string) *visitor {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may become another user")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(dir+"/visitor", b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(dir + "/visitor")
	cmd.Env = append(os.Environ(), visiting+"="+address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: leftUser, Gid: leftUser}}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, in: in, out: bufio.NewScanner(out)}
	v.end = sync.OnceFunc(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(v.end)
	return v
}

// do has the visitor do what a number stands for, and returns the port.
func (v *visitor) do(n int) uint16 {
	v.t.Helper()
	fmt.Fprintln(v.in, n)
	if !v.out.Scan() {
		v.t.Fatal("the visitor has ended")
	}
	port, err := strconv.ParseUint(v.out.Text(), 10, 16)
	if err != nil {
		v.t.Fatal(err)
	}
	return uint16(port)
}

// onlooker is a collector that runs, and its events of some ports.
type onlooker struct {
	c     *Collector
	ports func(uint16) bool

	mu     sync.Mutex
	events []string // guarded by mu
}

func look(t *testing.T, ports func(uint16) bool, judgeHere bool) *onlooker {
	t.Helper()
	c, err := New(Options{Mode: ModeEBPF, Interval: MaxInterval, DNS: DNSOff, programs: programOptions{judgeHere: judgeHere}})
	if err != nil {
		t.Skip(err)
	}
	w := &onlooker{c: c, ports: ports}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, func(m collector.Message) { w.take(t, m) }) }() // awaited in the clean-up
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	w.adjust(t, filter.Who{})
	return w
}

func (w *onlooker) take(t *testing.T, m collector.Message) {
	v, err := event.Parse(m.Payload)
	if err != nil {
		t.Error(err)
		return
	}
	e, ok := event.Copy[event.Connection](v)
	if !ok || e.Body.Direction == 0 || !w.ports(e.Body.Destination.Port) {
		return // a port is not watched yet when it is listened on
	}
	uid, _ := e.UID.Get()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf("%v %v from %d to %d by %d, uid %d, %s, flags %b",
		e.Operation, e.Body.Direction, e.Body.Source.Port, e.Body.Destination.Port, e.PID, uid, e.Executable, e.Flags))
}

// await waits for what is seen in the events.
func (w *onlooker) await(t *testing.T, what string, done func() bool) {
	t.Helper()
	until(t, what, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return done()
	})
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// inside calls a function with the tracker.
func (w *onlooker) inside(t *testing.T, do func(*tracker)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := w.c.door.Through(ctx, func(x *tracker) error { do(x); return nil }); err != nil {
		t.Fatal(err)
	}
}

func (w *onlooker) adjust(t *testing.T, who filter.Who) {
	t.Helper()
	var o Options
	w.inside(t, func(*tracker) { o = w.c.options })
	o.Who = who
	n, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	n.chosen = w.c.chosen
	if err := w.c.Adjust(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func (w *onlooker) inKernel(t *testing.T) (n uint64) {
	t.Helper()
	w.inside(t, func(x *tracker) {
		if x.choice != nil {
			var err error
			if n, err = x.choice.Filtered(); err != nil {
				t.Error(err)
			}
		}
	})
	return n
}

// closing is a listener of this process that closes each connection, but keeps those that
// come while keep is locked.
func closing(t *testing.T) (l net.Listener, keep *sync.Mutex, kept chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	keep, kept = new(sync.Mutex), make(chan net.Conn, 1)
	var accepting sync.WaitGroup
	accepting.Go(func() { // ended and awaited by the clean-up
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if keep.TryLock() {
				keep.Unlock()
				c.Close()
			} else {
				kept <- c
			}
		}
	})
	t.Cleanup(func() { l.Close(); accepting.Wait() })
	return l, keep, kept
}

// TestFiltersInTheKernelLeaveOutWhatFiltersHereDo has two collectors watch the same
// connections, of which one leaves nothing out in the kernel: both have the same events and
// leave out as many, while the settings change.
func TestFiltersInTheKernelLeaveOutWhatFiltersHereDo(t *testing.T) {
	l, keep, kept := closing(t)
	v := visit(t, l.Addr().String())
	var watched sync.Map // ports
	watched.Store(uint16(l.Addr().(*net.TCPAddr).Port), true)
	known := v.do(-1)
	watched.Store(known, true)
	ports := func(p uint16) bool { _, ok := watched.Load(p); return ok }
	both := []*onlooker{look(t, ports, false), look(t, ports, true)}
	left := filter.Who{ExcludeUsers: []string{fmt.Sprintf("%d-%d", leftUser, leftUser+5)}}
	for _, tt := range []struct {
		name string
		who  filter.Who
		some bool // are left out
	}{
		{"nothing", filter.Who{}, false},
		{"a user", left, true},
		{"all but others", filter.Who{IncludeUsers: []string{"0-64000"}}, true},
		{"another user", filter.Who{ExcludeUsers: []string{"64322"}}, false},
		{"the user again", left, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, before [2]uint64
			for i, w := range both {
				w.adjust(t, tt.who)
				w.mu.Lock()
				w.events = nil
				w.mu.Unlock()
				before[i] = w.c.Filtered()
			}
			inKernel := both[0].inKernel(t)
			v.do(1) // is judged here
			for i, w := range both {
				w.await(t, "the first one", func() bool { return !tt.some || w.c.Filtered() > before[i] })
			}
			v.do(20)
			begun := v.do(-1) // by who is noted
			watched.Store(begun, true)
			for i := range 20 {
				c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", [...]uint16{known, begun}[i%2]))
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, c)
				c.Close()
			}
			// The last one is by us, and comes to us: no filter leaves it out.
			last, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, last)
			last.Close()
			port := uint16(last.LocalAddr().(*net.TCPAddr).Port)
			var events [2][]string
			for i, w := range both {
				w.await(t, "the last one", func() bool {
					n := 0
					events[i] = slices.Sorted(slices.Values(w.events))
					for _, line := range w.events {
						if strings.HasPrefix(line, "close ") && strings.Contains(line, fmt.Sprintf(" from %d to", port)) {
							n++
						}
					}
					return n == 2
				})
				out[i] = w.c.Filtered() - before[i]
			}
			if diff := cmp.Diff(events[1], events[0]); diff != "" {
				t.Errorf("(-filtered here +filtered in the kernel):\n%s", diff)
			}
			inKernel = both[0].inKernel(t) - inKernel
			t.Logf("%d events, %d left out, %d of them in the kernel", len(events[0]), out[0], inKernel)
			if out[0] != out[1] || (inKernel > 0) != tt.some || inKernel > out[0] || both[1].inKernel(t) != 0 {
				t.Errorf("%d were left out, %d of them in the kernel, and %d without it", out[0], inKernel, out[1])
			}
		})
	}
	t.Run("a connection that a list has", func(t *testing.T) { listed(t, both[0], v, keep, kept) })
}

// listed has a collector find a connection in a list which was left out in the kernel: the
// end of it is known as well.
func listed(t *testing.T, w *onlooker, v *visitor, keep *sync.Mutex, kept chan net.Conn) {
	before := w.inKernel(t)
	keep.Lock()
	port := v.do(0)
	server := <-kept
	keep.Unlock()
	knows := func() (known bool) {
		w.inside(t, func(x *tracker) {
			for _, c := range x.table {
				known = known || c.local.Port() == port
			}
		})
		return known
	}
	if w.inKernel(t) == before || knows() {
		t.Fatal("it is not left out in the kernel")
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0) // its port has no number in the record
	if err != nil {
		t.Skip(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Listen(fd, 1); err != nil {
		t.Skip(err)
	}
	until(t, "the connection in a list", knows) // the collector may wait for the lock of the events
	server.Close()
	v.end()
	until(t, "its end", func() bool { return !knows() })
}
