package output_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
	"github.com/daemoneye/eventbus/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guard is how long a test waits for what must come.
const guard = 30 * time.Second

var errDown = errors.New("down")

// receiver is a sink and what stands behind it. answer decides about each call.
type receiver struct {
	mu     sync.Mutex
	taken  []output.Item                                               // guarded by mu
	calls  []time.Time                                                 // guarded by mu
	sizes  []int                                                       // guarded by mu; of the calls
	answer func(items []output.Item) (int, error)                      // guarded by mu; nil takes all
	hold   func(ctx context.Context, items []output.Item) (int, error) // guarded by mu; instead, without the lock
	grown  chan struct{}
}

func newReceiver() *receiver { return &receiver{grown: make(chan struct{}, 1)} }

func (r *receiver) Send(ctx context.Context, items []output.Item) (int, error) {
	r.mu.Lock()
	hold := r.hold
	r.mu.Unlock()
	n, err := len(items), error(nil)
	if hold != nil {
		n, err = hold(ctx, items)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls, r.sizes = append(r.calls, time.Now()), append(r.sizes, len(items))
	if r.answer != nil && hold == nil {
		n, err = r.answer(items)
	}
	r.taken = append(r.taken, items[:n]...)
	select {
	case r.grown <- struct{}{}:
	default:
	}
	return n, err
}

func (r *receiver) Close() error { return nil }

func (r *receiver) set(answer func(items []output.Item) (int, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) items() []output.Item {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.taken)
}

func (r *receiver) attempts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.calls)
}

// titles returns what the receiver has, in order: the title of an alert, the action and the
// count of a notice, the pid of an event.
func (r *receiver) titles() (all []string) {
	for _, it := range r.items() {
		all = append(all, titleOf(it))
	}
	return all
}

func titleOf(it output.Item) string {
	var x struct {
		Rule  struct{ Title string }
		Alert struct {
			Count uint64
			Rule  struct{ Title string }
		}
		Event     struct{ Action string }
		DaemonEye struct{ Count uint64 } `json:"daemoneye"`
		N         int
	}
	if err := json.Unmarshal(it.Body, &x); err != nil {
		return err.Error()
	}
	switch it.Kind {
	case output.KindAlert:
		return x.Rule.Title
	case output.KindUpdate:
		return fmt.Sprintf("%s ×%d", x.Alert.Rule.Title, x.Alert.Count)
	case output.KindMessage:
		return fmt.Sprintf("message %d", x.N)
	}
	return fmt.Sprintf("%s %d", x.Event.Action, x.DaemonEye.Count)
}

// waitFor waits until the receiver has n items, and returns their titles.
func (r *receiver) waitFor(t *testing.T, n int) []string {
	t.Helper()
	r.until(t, fmt.Sprintf("%d items", n), func() bool { return len(r.items()) >= n })
	return r.titles()
}

func (r *receiver) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	end := time.After(guard)
	for !ok() {
		select {
		case <-r.grown:
		case <-end:
			t.Fatalf("no %s; the receiver has %v", what, r.titles())
		}
	}
}

// noBus has no messages.
type noBus struct{}

func (noBus) Subscribe(context.Context, router.Subscription) (router.Subscriber, error) {
	return nil, errors.New("no bus here")
}

// spec returns an output of alerts to r.
func spec(name string, r output.Sink) output.Spec {
	return output.Spec{
		Name: name, Type: "test", Topics: []string{"alerts.#"}, MinLevel: alert.Informational,
		New: func() (output.Sink, error) { return r, nil },
	}
}

// start runs a manager of these outputs until the test ends, or stop is called.
func start(t *testing.T, j output.Source, b output.Bus, specs ...output.Spec) (m *output.Manager, stop func()) {
	t.Helper()
	if b == nil {
		b = noBus{}
	}
	m = output.New(output.Options{Source: j, Bus: b, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := m.Apply(specs); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return m, stop
}

// fresh is a journal whose outputs called names begin at its beginning.
func fresh(names ...string) *outputtest.Journal {
	j := &outputtest.Journal{}
	for _, n := range names {
		_ = j.SetCursor(n, 0) // memory
	}
	return j
}

func status(t *testing.T, m *output.Manager, name string) output.Status {
	t.Helper()
	for _, s := range m.Status() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no output %s", name)
	return output.Status{}
}
