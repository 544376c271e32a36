package stored_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/journal/faulty"
	"github.com/daemoneye/eventbus/agent/alert/store"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/stored"
	"github.com/daemoneye/eventbus/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

type noBus struct{}

func (noBus) Subscribe(context.Context, router.Subscription) (router.Subscriber, error) {
	return nil, router.ErrClosed
}

// receiver is a sink that can be down.
type receiver struct {
	mu    sync.Mutex
	down  bool          // guarded by mu
	tries int           // guarded by mu; while it was down
	taken []output.Item // guarded by mu
}

func (r *receiver) Send(_ context.Context, items []output.Item) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		r.tries++
		return 0, errors.New("down")
	}
	r.taken = append(r.taken, items...)
	return len(items), nil
}

func (r *receiver) Close() error { return nil }

func (r *receiver) set(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// checkTaken checks that the receiver has each of n alerts once and in order, but for those
// that notices count, and returns how many lines these are.
func (r *receiver) checkTaken(t *testing.T, n int) (missed uint64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	seen, next := uint64(0), 0 // the last line that is accounted for; the alert that is to come
	for _, it := range r.taken {
		if it.Kind == output.KindNotice {
			var body struct {
				Event     struct{ Action string }
				DaemonEye struct{ Count uint64 } `json:"daemoneye"`
			}
			if err := json.Unmarshal(it.Body, &body); err != nil || body.Event.Action != output.NoticeMissed {
				t.Fatalf("%v in %s", err, it.Body)
			}
			missed, seen, next = missed+body.DaemonEye.Count, seen+body.DaemonEye.Count, -1
			continue
		}
		var a alert.Alert
		var number int
		if err := json.Unmarshal(it.Body, &a); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(a.Rule.Title, "alert %d", &number); err != nil {
			t.Fatal(err)
		}
		if next >= 0 && number != next || it.Seq <= seen {
			t.Fatalf("line %d is alert %d, behind line %d, and alert %d was to come", it.Seq, number, seen, next)
		}
		seen, next = it.Seq, number+1
	}
	if next != n {
		t.Errorf("the last alert is %d, want %d", next-1, n-1)
	}
	return missed
}

// TestHoursOfOutage has one receiver down for hours, while alerts are raised: as many as the
// journal may keep, and then more. Another one has each alert all the time. The first one then
// gets what the journal has, and a notice with the number of lines that are not there any
// more. The clock is that of the bubble. STORE_SOAK makes the outage three days long.
func TestHoursOfOutage(t *testing.T) {
	outage := 3 * time.Hour
	if os.Getenv("STORE_SOAK") != "" {
		outage = 72 * time.Hour
	}
	const every = 15 * time.Second
	for name, tt := range map[string]struct {
		bound  int64 // of the journal
		within bool
	}{
		"within the bound":    {1 << 30, true},
		"more than the bound": {256 << 10, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := store.Open(t.Context(), store.Options{
					Dir: filepath.Join(t.TempDir(), "data"), Files: &faulty.Files{Unsynced: true}, Log: discard, CheckEvery: 24 * time.Hour,
					Limits: store.Limits{MaxBytes: tt.bound, Burst: -1},
				})
				if err != nil {
					t.Fatal(err)
				}
				dead, alive := &receiver{down: true}, &receiver{}
				spec := func(name string, r *receiver) output.Spec {
					return output.Spec{
						Name: name, Type: "test", Topics: []string{"alerts.#"}, MinLevel: alert.Low, New: func() (output.Sink, error) { return r, nil },
					}
				}
				m := output.New(output.Options{Source: stored.New(func() *store.Store { return s }), Bus: noBus{}, Logger: discard})
				if err := m.Apply([]output.Spec{spec("dead", dead), spec("alive", alive)}); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				var running sync.WaitGroup
				running.Go(func() { m.Run(ctx) })
				synctest.Wait()
				n := 0
				for began := time.Now(); time.Since(began) < outage; n++ {
					title := fmt.Sprintf("alert %d", n)
					s.Submit(&alert.Alert{
						Rule: alert.Rule{ID: title, Title: title, Level: alert.High}, Host: alert.Host{ID: "h"}, First: time.Now(), Last: time.Now(),
						Event: json.RawMessage(`{"process":{"pid":1,"command_line":"` + strings.Repeat("x", 300) + `"}}`),
					})
					time.Sleep(every)
				}
				status := func(name string) (x output.Status) {
					for _, s := range m.Status() {
						if s.Name == name {
							x = s
						}
					}
					return x
				}
				during := status("dead")
				if during.Health.State != control.Degraded || during.Alerts != 0 || during.Lag == 0 {
					t.Errorf("during the outage: %+v", during)
				}
				if stats := s.Stats(); stats.Bytes > tt.bound || stats.Dropped != 0 {
					t.Errorf("during the outage: %+v", stats)
				}
				if x := status("alive"); x.Lag != 0 || x.Missed != 0 || x.Alerts != uint64(n) {
					t.Errorf("the other one: %+v", x)
				}
				if missed := alive.checkTaken(t, n); missed != 0 {
					t.Errorf("the other one missed %d lines", missed)
				}
				dead.set(false)
				for status("dead").Lag > 0 {
					time.Sleep(time.Second)
				}
				after := status("dead")
				missed := dead.checkTaken(t, n)
				if (missed == 0) != tt.within || after.Missed != missed {
					t.Errorf("%d lines are announced as missed, %+v", missed, after)
				}
				wantHealth := control.Healthy
				if missed > 0 {
					wantHealth = control.Unhealthy // for a minute
				}
				if after.Health.State != wantHealth {
					t.Errorf("at the end: %+v", after)
				}
				cancel()
				running.Wait()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				dead.mu.Lock()
				defer dead.mu.Unlock()
				t.Logf("%v without the receiver, %d tries: %d alerts, %d came later, %d lines were announced as missed", outage, dead.tries, n, after.Alerts, missed)
			})
		})
	}
}
