package agent_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/manager"
	"github.com/daemoneye/eventbus/ipc"
)

// streaming is an agent with collectors that a test reconfigures.
type streaming struct {
	*running
	client *ipc.Client
	level  *slog.LevelVar
	specs  atomic.Pointer[[]manager.Spec]
	next   atomic.Pointer[config.Config]
}

func (r *streaming) want(all ...control.ChildConfig) {
	specs := make([]manager.Spec, len(all))
	for i, c := range all {
		specs[i].Config = c
	}
	r.specs.Store(&specs)
}

func startStreaming(t *testing.T, all ...control.ChildConfig) *streaming {
	t.Helper()
	r := &streaming{level: new(slog.LevelVar)}
	r.want(all...)
	base := configured(func(c *config.Config) { c.Broker.MessageBufferSize = 100_000 })
	r.next.Store(base)
	r.running = start(t, agent.Options{
		Config: base, Level: r.level,
		Load:       func() (*config.Loaded, error) { return &config.Loaded{Config: r.next.Load()}, nil },
		Configured: func(*config.Config) ([]manager.Spec, error) { return *r.specs.Load(), nil },
	})
	r.client = r.dial(ipc.ClientOptions{})
	return r
}

// change has the next reload change keys as well.
func (r *streaming) change(f func(*config.Config)) {
	c := *r.next.Load()
	f(&c)
	r.next.Store(&c)
}

func (r *streaming) reload(t *testing.T) control.Reloaded {
	t.Helper()
	got, err := r.agent.Reload(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// one returns a collector that runs.
func (r *streaming) one(t *testing.T, name string) (s control.CollectorStatus) {
	t.Helper()
	eventually(t, name+" runs", func() bool {
		for _, c := range status(t, r.client).Collectors {
			if c.Name == name && c.State == control.CollectorRunning {
				s = c
				return true
			}
		}
		return false
	})
	return s
}

// kill ends the process of a collector, and returns the next one.
func (r *streaming) kill(t *testing.T, name string) (s control.CollectorStatus) {
	t.Helper()
	before := r.one(t, name).PID
	if err := unix.Kill(before, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process of "+name, func() bool { s = r.one(t, name); return s.PID != before })
	return s
}

// TestAReloadReconfiguresCollectorsThatRun: under a stream of events, none of which is lost,
// and no gap is announced. A process that is started later has the new settings too.
func TestAReloadReconfiguresCollectorsThatRun(t *testing.T) {
	r := startStreaming(t, streamOf("stream-a", "0", ""), streamOf("stream-b", "0", ""))
	before := [2]int{r.one(t, "stream-a").PID, r.one(t, "stream-b").PID}
	a, b := listen(t, r.client, "stream-a"), listen(t, r.client, "stream-b")
	for i := range 30 {
		note := fmt.Sprint(i + 1)
		r.want(streamOf("stream-a", note, ""), streamOf("stream-b", note, ""))
		if got := r.reload(t); got.Mistakes != nil || got.Refused != nil || got.Restarted != nil {
			t.Fatalf("reload %d: %+v", i, got)
		}
		for _, name := range []string{"stream-a", "stream-b"} {
			if s := r.one(t, name); s.Source != "note "+note {
				t.Fatalf("after reload %d %s has the %s", i, name, s.Source)
			}
		}
	}
	a.whole("after the reloads")
	b.whole("after the reloads")
	if after := [2]int{r.one(t, "stream-a").PID, r.one(t, "stream-b").PID}; after != before {
		t.Errorf("processes were %v, and are %v", before, after)
	}
	if s := r.kill(t, "stream-b"); s.Source != "note 30" {
		t.Errorf("the next process has the %s", s.Source)
	}
	a.whole("after the end of the other one")
}

// TestAnUpdateStaysForTheNextProcess, and until a reload changes the section.
func TestAnUpdateStaysForTheNextProcess(t *testing.T) {
	r := startStreaming(t, streamOf("stream-a", "file", ""))
	r.one(t, "stream-a")
	l := listen(t, r.client, "stream-a")
	update := control.ConfigUpdate{Config: json.RawMessage(`{"note":"operator"}`)}
	var done control.ConfigUpdated
	if err := operate(t, r.client, control.OpUpdateConfig, "stream-a", update, &done); err != nil || done.Restarted {
		t.Fatalf("%+v, %v", done, err)
	}
	l.whole("after the update")
	if s := r.one(t, "stream-a"); s.Source != "note operator" {
		t.Errorf("the status has the %s", s.Source)
	}
	r.reload(t) // changes nothing
	if s := r.kill(t, "stream-a"); s.Source != "note operator" {
		t.Errorf("the next process has the %s", s.Source)
	}
	r.want(streamOf("stream-a", "file 2", ""))
	r.reload(t)
	if s := r.one(t, "stream-a"); s.Source != "note file 2" {
		t.Errorf("after a reload that changes it: %s", s.Source)
	}
	if s := r.kill(t, "stream-a"); s.Source != "note file 2" {
		t.Errorf("the process after that has the %s", s.Source)
	}
}

// TestAllCollectorsTakeAReloadOrNone: stream-b does not take its settings. Nothing that the
// same reload changes is in force then, and stream-a misses nothing.
func TestAllCollectorsTakeAReloadOrNone(t *testing.T) {
	for _, tt := range []struct {
		then string
		want []string // parts of the answer
		dies bool
	}{
		{"refuse-check", []string{"collectors.stream-b: ", "VALIDATION_FAILED: the note is not to its taste"}, false},
		{"refuse", []string{"collectors.stream-b: ", "APPLY_FAILED: it has changed its mind"}, false},
		{"hang", []string{"collectors.stream-b: ", "TIMEOUT: "}, false},
		{"die", []string{"collectors.stream-b: ", "COLLECTOR_DIED: it ended before it answered", "collectors.stream-b: ", "is restarted with them"}, true},
	} {
		t.Run(tt.then, func(t *testing.T) {
			r := startStreaming(t, streamOf("stream-a", "old", ""), streamOf("stream-b", "old", ""), streamOf("stream-gone", "old", ""))
			a, b := r.one(t, "stream-a"), r.one(t, "stream-b")
			r.one(t, "stream-gone")
			events, other := listen(t, r.client, "stream-a"), listen(t, r.client, "stream-b")
			r.want(streamOf("stream-a", "new", ""), streamOf("stream-b", "new", tt.then), streamOf("stream-more", "new", ""))
			r.change(func(c *config.Config) { c.Log.Level, c.Broker.MaxConnections = "error", 7 })
			got := r.reload(t)
			text := strings.Join(got.Refused, "\n")
			for _, part := range tt.want {
				_, rest, ok := strings.Cut(text, part)
				if text = rest; !ok {
					t.Fatalf("it is refused with %q, want %q", got.Refused, tt.want)
				}
			}
			if len(got.Changes)+len(got.Mistakes) > 0 || strings.Contains(strings.Join(got.Refused, "\n"), "stream-a") {
				t.Errorf("the answer is %+v", got)
			}
			s := status(t, r.client)
			var names []string
			for _, c := range s.Collectors {
				names = append(names, c.Name)
			}
			if r.level.Level() != slog.LevelInfo || s.MaxConnections != 64 || !cmp.Equal(names, []string{"stream-a", "stream-b", "stream-gone"}) {
				t.Errorf("in force are level %v, %d connections, %v", r.level.Level(), s.MaxConnections, names)
			}
			if now := r.one(t, "stream-a"); now.Source != "note old" || now.PID != a.PID {
				t.Errorf("stream-a was pid %d with the note old, and is pid %d with the %s", a.PID, now.PID, now.Source)
			}
			events.whole("of the one that took it")
			if tt.dies {
				eventually(t, "another process", func() bool { return r.one(t, "stream-b").PID != b.PID })
			} else {
				other.whole("of the one that did not")
			}
			if now := r.one(t, "stream-b"); now.Source != "note old" || (now.PID != b.PID) != tt.dies {
				t.Errorf("stream-b was pid %d with the note old, and is pid %d with the %s", b.PID, now.PID, now.Source)
			}
			// Its own word, too.
			var report control.Report
			if err := operate(t, r.client, control.OpHealthCheck, "stream-a", nil, &report); err != nil || report.Source != "note old" {
				t.Errorf("stream-a itself has the %s, %v", report.Source, err)
			}
		})
	}
}

// TestWhatNeedsAFreshStartIsNamed, and a gap shows what is missed. The numbers of its events go
// on.
func TestWhatNeedsAFreshStartIsNamed(t *testing.T) {
	r := startStreaming(t, streamOf("stream-a", "old", ""), streamOf("stream-b", "old", ""))
	pid := r.one(t, "stream-a").PID
	b := listen(t, r.client, "stream-b")
	numbers := listenTo(t, r.client, "stream-a", "events.stream-a.x")
	r.want(streamOf("stream-a", "new", "fresh"), streamOf("stream-b", "new", ""))
	if got := r.reload(t); got.Mistakes != nil || got.Refused != nil || !cmp.Equal(got.Restarted, []string{"stream-a"}) {
		t.Errorf("%+v", got)
	}
	if s := r.one(t, "stream-a"); s.PID != pid || s.Source != "note new" {
		t.Errorf("it was pid %d, and is %+v", pid, s)
	}
	eventually(t, "the gap is known", func() bool { return r.one(t, "stream-a").Gap != "" })
	b.whole("of the one that needs none")
	numbers.whole("of the one that begins anew")
	// Other keys than before cannot be known to a process that runs.
	r.want(mustMark("stream-a"), streamOf("stream-b", "new", ""))
	if got := r.reload(t); got.Mistakes != nil || got.Refused != nil || !cmp.Equal(got.Restarted, []string{"stream-a"}) {
		t.Errorf("%+v", got)
	}
	eventually(t, "another process", func() bool { return r.one(t, "stream-a").PID != pid })
	b.whole("of the one that stays")
}

// mustMark is a collector with settings of other keys.
func mustMark(name string) control.ChildConfig {
	return control.ChildConfig{Collector: name, Settings: json.RawMessage(`{"note":"less"}`)}
}

// TestAReloadWaitsForAnOperation on a collector that it changes, so that each of the two is
// as if it were alone.
func TestAReloadWaitsForAnOperation(t *testing.T) {
	r := startStreaming(t, streamOf("stream-a", "0", ""))
	r.one(t, "stream-a")
	operators := make(chan error, 1)
	go func() { // awaited below
		for i := range 30 {
			update := control.ConfigUpdate{Config: json.RawMessage(fmt.Sprintf(`{"note":"operator %d"}`, i))}
			if err := operate(t, r.client, control.OpUpdateConfig, "stream-a", update, nil); err != nil {
				operators <- err
				return
			}
		}
		operators <- nil
	}()
	for i := range 30 {
		r.want(streamOf("stream-a", fmt.Sprint("file ", i), ""))
		if got := r.reload(t); got.Mistakes != nil || got.Refused != nil {
			t.Errorf("%+v", got)
		}
	}
	if err := <-operators; err != nil {
		t.Error(err)
	}
	var report control.Report
	if err := operate(t, r.client, control.OpHealthCheck, "stream-a", nil, &report); err != nil {
		t.Fatal(err)
	}
	if s := r.one(t, "stream-a"); s.Source != report.Source {
		t.Errorf("the agent has the %s, the collector the %s", s.Source, report.Source)
	}
	if s := r.kill(t, "stream-a"); s.Source != report.Source {
		t.Errorf("the next process has the %s, the one before had the %s", s.Source, report.Source)
	}
}
