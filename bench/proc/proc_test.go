package proc_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

var roles = proc.Roles{
	"adder":    adder,
	"failing":  func(context.Context, *proc.Control) error { return errors.New("no luck") },
	"dying":    func(context.Context, *proc.Control) error { panic("ouch") },
	"stubborn": stubborn,
	"worker":   worker,
	"maker":    maker,
	"parent":   parent,
}

func TestMain(m *testing.M) {
	roles.RunIfChild()
	os.Exit(m.Run())
}

// adder adds what it is started with to what it gets later.
func adder(ctx context.Context, c *proc.Control) error {
	var a, b int
	if err := errors.Join(c.Args(ctx, &a), c.Ready(os.Getpid()), c.Go(ctx, &b), c.Result(a+b)); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// stubborn does not heed its orders.
func stubborn(_ context.Context, c *proc.Control) error {
	if err := c.Ready(nil); err != nil {
		return err
	}
	select {}
}

// worker burns CPU and collects garbage, and is measured until it has done some of
// that.
func worker(ctx context.Context, c *proc.Control) error {
	quit := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-quit:
				return
			default:
				runtime.GC()
			}
		}
	}()
	var usage proc.Usage
	var err error
	for err == nil && usage.Pauses.Count < 2 {
		usage, err = proc.Measure(ctx, load.NewSpan(0, 10*time.Millisecond, 100*time.Millisecond))
	}
	close(quit)
	<-ended
	return errors.Join(err, c.Result(usage))
}

// kept takes what maker allocates to the heap.
var kept *[64]byte

// maker makes a known number of objects in its measured part at least.
func maker(ctx context.Context, c *proc.Control) error {
	span := load.NewSpan(0, time.Millisecond, 5*time.Millisecond)
	made := make(chan struct{})
	go func() {
		defer close(made)
		for ctx.Err() == nil && load.Now() < span.To {
			kept = new([64]byte)
		}
	}()
	usage, err := proc.Measure(ctx, span)
	<-made
	return errors.Join(err, c.Result(usage))
}

// parent starts a child of its own, and reports its pid.
func parent(ctx context.Context, c *proc.Control) error {
	p, err := proc.Start(ctx, "stubborn", nil)
	if err != nil {
		return err
	}
	if err := errors.Join(p.Ready(ctx, nil), c.Ready(p.Pid())); err != nil {
		return err
	}
	select {} // is killed, and so can't stop its child
}

func start(t *testing.T, role string, args any) *proc.Process {
	t.Helper()
	p, err := proc.Start(t.Context(), role, args)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() }) // tests that expect a peaceful end stop it themselves
	return p
}

func TestRoleTalksToItsParent(t *testing.T) {
	p := start(t, "adder", 40)
	var pid, sum int
	if err := errors.Join(p.Ready(t.Context(), &pid), p.Go(2), p.Result(t.Context(), &sum)); err != nil {
		t.Fatal(err)
	}
	if pid != p.Pid() || pid == os.Getpid() || sum != 42 {
		t.Errorf("child %d says pid %d and sum %d", p.Pid(), pid, sum)
	}
	if rss, err := proc.ReadRSS(pid); err != nil || rss <= 0 {
		t.Errorf("resident bytes %d, %v", rss, err)
	}
	if _, err := proc.ReadCPU(pid); err != nil {
		t.Error(err)
	}
	if err := errors.Join(p.Stop(), p.Stop()); err != nil {
		t.Error(err)
	}
	if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("after Stop, process %d: %v", pid, err)
	}
}

func TestAnotherProgramPlaysARole(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "older")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	p, err := proc.Program(link).Start(t.Context(), "adder", 40)
	if err != nil {
		t.Fatal(err)
	}
	var sum int
	if err := errors.Join(p.Ready(t.Context(), nil), p.Go(2), p.Result(t.Context(), &sum), p.Stop()); err != nil || sum != 42 {
		t.Errorf("sum %d, %v", sum, err)
	}
	if _, err := proc.Program(link+"-gone").Start(t.Context(), "adder", 40); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestParentLearnsHowARoleFailed(t *testing.T) {
	for _, c := range []struct{ role, want string }{
		{"failing", "failing: no luck"},
		{"dying", "ouch"},
		{"nobody", `no role "nobody"`},
	} {
		t.Run(c.role, func(t *testing.T) {
			err := start(t, c.role, nil).Ready(t.Context(), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v; want it to say %q", err, c.want)
			}
		})
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	p := start(t, "adder", 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if err := p.Result(ctx, nil); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func TestStopKillsWhoDoesNotHeedIt(t *testing.T) {
	p := start(t, "stubborn", nil)
	if err := p.Ready(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if p.Stop() == nil {
		t.Error("it has ended in peace")
	}
	if err := unix.Kill(p.Pid(), 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("after Stop, process %d: %v", p.Pid(), err)
	}
}

func TestChildDiesWithAParentThatIsKilled(t *testing.T) {
	p := start(t, "parent", nil)
	var grandchild int
	if err := p.Ready(t.Context(), &grandchild); err != nil {
		t.Fatal(err)
	}
	// A pidfd stands for this very process, also when its number is given to another.
	fd, err := unix.PidfdOpen(grandchild, 0)
	if err != nil {
		t.Skipf("pidfd_open: %v", err)
	}
	defer unix.Close(fd)
	if err := unix.Kill(p.Pid(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	patience := 10 * time.Second
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n != 1 {
			t.Errorf("process %d outlives its parent: %d, %v", grandchild, n, err)
		}
		return
	}
}

func TestMeasureSeesCPUMemoryAndPauses(t *testing.T) {
	var u proc.Usage
	p := start(t, "worker", nil)
	if err := p.Result(t.Context(), &u); err != nil {
		t.Fatal(err)
	}
	if u.Wall <= 0 || u.CPU <= 0 || u.Cores() <= 0 || u.RSS <= 0 {
		t.Errorf("usage %+v", u)
	}
	if u.Pauses.P50 <= 0 || u.Pauses.P50 > u.Pauses.P99 || u.Pauses.P99 > u.Pauses.Max {
		t.Errorf("pauses %+v", u.Pauses)
	}
}

func TestMeasureCountsAllocations(t *testing.T) {
	const least = 1000 // a millisecond is enough for that many, and the count runs behind by some hundred
	for range 100 {
		var u proc.Usage
		if err := start(t, "maker", nil).Result(t.Context(), &u); err != nil {
			t.Fatal(err)
		}
		if u.Allocs != nil && *u.Allocs >= least {
			return
		}
	}
	t.Error("no objects are seen")
}
