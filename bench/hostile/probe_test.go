package hostile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/bench/proc"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

const (
	probeEvery = 20 * time.Millisecond
	// mayWait is how long another client may wait under an attack.
	mayWait = 50 * time.Millisecond
	// quiet is how long it may wait without one, where times are measurable.
	quiet = 10 * time.Millisecond
)

// waits are how long a probe waited for its messages.
type waits struct {
	N        int
	P50, Max time.Duration
	// Busy is the most processor time that one thread of the agent took during a wait. On
	// a busy machine it is less than the time that passed.
	Busy time.Duration
}

// crowded is the share of the machine that other processes may have, where times are
// measurable.
const crowded = 0.1

// times measures how long a client of the agent under attack waits, and one of an agent
// beside it that nobody attacks.
type times struct {
	t                 *testing.T
	attacked, control *probe
	watch             proc.Watch
	began             time.Duration // what the two agents had taken of the processors
}

// measure begins to measure, in the long form only.
func measure(v *victim) *times {
	v.t.Helper()
	if !soaking {
		return nil
	}
	m := &times{t: v.t, attacked: startProbe(v), control: startProbe(startAgent(v.t, setting{})), watch: proc.StartWatch()}
	m.began = m.cpu()
	return m
}

func (m *times) cpu() time.Duration { return m.attacked.of.cpu() + m.control.of.cpu() }

// check ends the measurement and holds its bound. It reports whether times were
// measurable.
func (m *times) check() (measurable bool) {
	if m == nil {
		return false
	}
	m.t.Helper()
	share, known := m.watch.Stop().Others(m.cpu() - m.began)
	attacked, control := m.attacked.stop(), m.control.stop()
	m.t.Logf("a client waited for %s at most (median %s, of %d), and %s without the attack; the agent computed for at most %s meanwhile",
		attacked.Max, attacked.P50, attacked.N, control.Max, attacked.Busy)
	if attacked.Busy > mayWait { // however busy the machine is
		m.t.Errorf("another client waited while a thread of the agent computed for %s, want at most %s", attacked.Busy, mayWait)
	}
	switch {
	case known && share > crowded:
		m.t.Logf("not measurable: other processes had %.0f %% of the machine", 100*share)
	case control.Max > quiet:
		m.t.Logf("not measurable: without the attack it waited for more than %s", quiet)
	case attacked.Max > mayWait:
		m.t.Errorf("another client waited for %s, want at most %s", attacked.Max, mayWait)
		return true
	default:
		return true
	}
	return false
}

// probe is a legitimate client in a process of its own.
type probe struct {
	t   *testing.T
	of  *victim
	cmd *exec.Cmd
	out *bufio.Scanner
	in  io.Closer
}

func startProbe(v *victim) *probe {
	v.t.Helper()
	self, err := os.Executable()
	if err != nil {
		v.t.Fatal(err)
	}
	p := &probe{t: v.t, of: v, cmd: exec.Command(self, v.set.Socket, strconv.Itoa(v.pid))}
	p.cmd.Env = append(os.Environ(), roleEnv+"=probe")
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		v.t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	if !p.out.Scan() {
		v.t.Fatal("the probe does not start")
	}
	return p
}

// stop ends the probe and returns what it measured.
func (p *probe) stop() (w waits) {
	p.t.Helper()
	p.in.Close()
	p.out.Scan()
	if err := json.Unmarshal(p.out.Bytes(), &w); err != nil {
		p.t.Errorf("the probe says %q: %v", p.out.Text(), err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the probe ended with %v", err)
	}
	return w
}

// runProbe publishes an alert to itself now and then, and measures how long it takes,
// until its standard input ends.
func runProbe(path string, pid int) error {
	t := &fatal{}
	c := dial(t, path, 0)
	c.subscribe(1, 1, every(router.Subscription{Patterns: []string{"alerts.probe"}}))
	fmt.Println("ready")
	ended := untilStdinEnds()
	tick := time.NewTicker(probeEvery)
	var all []time.Duration
	var busy time.Duration
	for {
		select {
		case <-tick.C:
			before := threads(t, pid)
			began := time.Now()
			c.send(encode(t, frame.Fields{Type: frame.TypePublish, Priority: frame.NormalPriority, Topic: "alerts.probe", ID: 5}))
			c.await(frame.TypePublish, 5)
			all = append(all, time.Since(began))
			for thread, spent := range threads(t, pid) {
				busy = max(busy, spent-before[thread])
			}
			continue
		case <-ended:
		}
		slices.Sort(all)
		w := waits{N: len(all), Busy: busy}
		if w.N > 0 {
			w.P50, w.Max = all[w.N/2], all[w.N-1]
		}
		return json.NewEncoder(os.Stdout).Encode(w)
	}
}

// fatal is the testing.TB of a process that is no test: what fails ends it.
type fatal struct{ testing.TB }

func (*fatal) Helper()        {}
func (*fatal) Cleanup(func()) {}
func (*fatal) Fatal(args ...any) {
	fmt.Fprintln(os.Stderr, args...)
	os.Exit(1)
}
func (f *fatal) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }
