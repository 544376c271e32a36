package process

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/connector"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
	"github.com/daemoneye/eventbus/agent/event"
)

// machine is a procfs of files, and a tracker that looks at it. What the tracker
// emits is kept as one line of text for each event.
type machine struct {
	t    *testing.T
	root string
	*tracker
	events []string
	user   uint32         // in complete reports
	sink   collector.Emit // takes what the tracker emits; take, as long as a test has no other
}

// task is a process of a machine. Zero values stand for: state S, one thread.
type task struct {
	pid, ppid uint32
	ticks     uint64
	stack     uint64
	name      string
	args      string // separated by spaces
	exe       string // empty: not to be read
	state     string
	flags     uint64
	loading   bool // in the middle of an exec
	threads   int
	login     string // empty: nobody
	cgroup    string // empty: the root
}

func newHost(t *testing.T) *machine {
	t.Helper()
	h := &machine{t: t, root: t.TempDir(), user: 1000}
	h.write("sys/kernel/random/boot_id", "00112233-4455-6677-8899-aabbccddeeff\n")
	h.write("passwd", fmt.Sprintf("root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nself:x:%d:::/:/bin/sh\n", os.Geteuid()))
	r, err := proc.NewReader(h.root)
	if err != nil {
		t.Fatal(err)
	}
	h.sink = h.take
	h.tracker = &tracker{
		table:   table{},
		reader:  r,
		emitter: newEmitter(func(m collector.Message) { h.sink(m) }, host.Host{Root: h.root, Name: "web-1", Passwd: filepath.Join(h.root, "passwd")}, new(uint64)),
	}
	h.clock.Adjust()
	return h
}

// kernelThread is PF_KTHREAD in /proc/PID/stat.
const kernelThread = 0x00200000

// ownName is what the machine calls the user that runs the test, who owns its files.
func (h *machine) ownName() string {
	switch os.Geteuid() {
	case 0:
		return "root"
	case 1000:
		return "ann"
	}
	return "self"
}

func (h *machine) write(path, content string) {
	h.t.Helper()
	path = filepath.Join(h.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

// set makes a process be there as p has it.
func (h *machine) set(p task) {
	h.t.Helper()
	h.remove(p.pid)
	if p.state == "" {
		p.state = "S"
	}
	code := 1
	if p.loading {
		code = 0
	}
	dir := strconv.Itoa(int(p.pid))
	h.write(dir+"/stat", fmt.Sprintf("%d (%s) %s %d 1 1 0 -1 %d 0 0 0 0 0 0 0 0 20 0 %d 0 %d 0 0 0 %d 1 %d 0 0 0\n",
		p.pid, p.name, p.state, p.ppid, p.flags, max(p.threads, 1), p.ticks, code, p.stack))
	line := ""
	if p.args != "" {
		line = strings.ReplaceAll(p.args, " ", "\x00") + "\x00"
	}
	h.write(dir+"/cmdline", line)
	h.write(dir+"/loginuid", cmp.Or(p.login, "4294967295"))
	h.write(dir+"/cgroup", cmp.Or(p.cgroup, "0::/")+"\n")
	if p.exe != "" {
		if err := os.Symlink(p.exe, filepath.Join(h.root, dir, "exe")); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := os.Symlink("/srv", filepath.Join(h.root, dir, "cwd")); err != nil {
		h.t.Fatal(err)
	}
}

// remove makes a process be gone.
func (h *machine) remove(pid uint32) {
	h.t.Helper()
	if err := os.RemoveAll(filepath.Join(h.root, strconv.Itoa(int(pid)))); err != nil {
		h.t.Fatal(err)
	}
}

// ticksNow is the start of a process that is forked now.
func (h *machine) ticksNow() uint64 { return h.clock.Ticks(clock.Mono()) }

func (h *machine) fork(pid, ppid uint32) {
	h.apply(&report.Report{Kind: report.Fork, Thread: pid, PID: pid, Parent: ppid, TimeNs: clock.Mono()})
}

func (h *machine) exec(pid uint32) {
	h.execs(pid, clock.Mono())
}

// execs reports programs that a process ran at those times, one right after the other.
func (h *machine) execs(pid uint32, times ...int64) {
	l := connector.NewLookahead(h.reader)
	for _, at := range times {
		l.Add(&report.Report{Kind: report.Exec, Thread: pid, PID: pid, TimeNs: at})
	}
	l.Release(math.MaxInt64, h.apply)
}

func (h *machine) exit(pid, status uint32) {
	h.apply(&report.Report{Kind: report.Exit, Thread: pid, PID: pid, Value: status, TimeNs: clock.Mono()})
}

// exitThread reports the end of another thread than the first one.
func (h *machine) exitThread(pid, thread, status uint32) {
	h.apply(&report.Report{Kind: report.Exit, Thread: thread, PID: pid, Value: status, TimeNs: clock.Mono()})
}

// forkThread reports a new thread of a process.
func (h *machine) forkThread(pid, thread uint32) {
	h.apply(&report.Report{Kind: report.Fork, Thread: thread, PID: pid, Parent: pid, TimeNs: clock.Mono()})
}

// settle looks at what is in doubt until nothing is.
func (h *machine) settle() {
	h.t.Helper()
	for n := 0; h.settleDoubts(true); n++ {
		if n > 2*doubtLooks {
			h.t.Error("it is in doubt for ever")
			return
		}
	}
}

func (h *machine) snapshot() {
	h.t.Helper()
	if err := h.compare(event.OpSnapshot, 0); err != nil {
		h.t.Fatal(err)
	}
}

func (h *machine) poll() {
	h.t.Helper()
	if err := h.compare(event.OpStart, event.TimeApproximate); err != nil {
		h.t.Fatal(err)
	}
}

// take notes an event as one line: topic, operation, key, parent and what there
// is of image, status and flags.
func (h *machine) take(m collector.Message) {
	v, err := event.Parse(m.Payload)
	if err != nil {
		h.t.Errorf("%s: %v", m.Topic, err)
		return
	}
	if v.Sequence() != uint64(len(h.events)+1) {
		h.t.Errorf("sequence %d, want %d", v.Sequence(), len(h.events)+1)
	}
	if m.PID != v.PID() || m.EventType != "process" {
		h.t.Errorf("message of pid %d and type %q, the event is of pid %d", m.PID, m.EventType, v.PID())
	}
	h.events = append(h.events, m.Topic[len("events.process."):]+" "+describe(v))
}

func describe(v event.View) string {
	var b strings.Builder
	if g, ok := event.Copy[event.Loss](v); ok {
		fmt.Fprintf(&b, "gap %d of %d: %s", g.Body.Lost, g.Body.Total, g.Body.Reason)
		return b.String()
	}
	p, _ := event.Copy[event.Detail](v)
	fmt.Fprintf(&b, "%v %d parent %d", p.Operation, p.PID, p.PPID)
	if p.ParentName != "" {
		fmt.Fprintf(&b, " (%s)", p.ParentName)
	}
	line := strings.ReplaceAll(strings.TrimSuffix(p.CommandLine, "\x00"), "\x00", " ")
	fmt.Fprintf(&b, ": %s %s [%s]", p.Name, p.Executable, line)
	if p.Operation == event.OpExit && !p.Flags.Has(event.ExitStatusUnknown) {
		code := p.Body.Code
		if p.Body.Signal != 0 {
			code -= 128 + p.Body.Signal
		}
		fmt.Fprintf(&b, " status %d/%d", code, p.Body.Signal)
	}
	for name := range v.Flags().Names() {
		b.WriteString(" " + name)
	}
	return b.String()
}
