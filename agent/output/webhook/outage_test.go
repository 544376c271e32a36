package webhook_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/outputtest"
	"github.com/daemoneye/eventbus/agent/output/webhook"
	"github.com/daemoneye/eventbus/router"
)

// host is a host with one port, whose connections are in memory.
type host struct {
	conns chan net.Conn
	mu    sync.Mutex
	down  bool // guarded by mu
	dials int  // guarded by mu
}

func (h *host) set(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

func (h *host) dial(context.Context, string, string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dials++
	if h.down {
		return nil, syscall.ECONNREFUSED
	}
	a, b := net.Pipe()
	h.conns <- b
	return a, nil
}

func (h *host) Accept() (net.Conn, error) {
	c, ok := <-h.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (h *host) Close() error   { close(h.conns); return nil }
func (h *host) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

type noBus struct{}

func (noBus) Subscribe(context.Context, router.Subscription) (router.Subscriber, error) {
	return nil, router.ErrClosed
}

// TestAReceiverThatIsDownForAnHour runs an output with a real client and server. The clock
// is that of the bubble.
func TestAReceiverThatIsDownForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{conns: make(chan net.Conn, 64), down: true}
		var mu sync.Mutex
		var got []string
		answers := []int{503, 500, 429} // once each when it is up again
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if len(answers) > 0 {
				w.Header().Set("Retry-After", "600")
				w.WriteHeader(answers[0])
				answers = answers[1:]
				return
			}
			var a alert.Alert
			if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
				t.Error(err)
			}
			got = append(got, a.Rule.Title)
		})}
		var serving sync.WaitGroup
		serving.Go(func() { _ = srv.Serve(h) })
		j := &outputtest.Journal{}
		m := output.New(output.Options{Source: j, Bus: noBus{}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		err := m.Apply([]output.Spec{{
			Name: "hook", Type: "webhook", Topics: []string{"alerts.#"}, MinLevel: alert.Low,
			New: func() (output.Sink, error) {
				s, err := webhook.New(webhook.Options{URL: "http://hook.example/", Template: "json"})
				if err == nil {
					webhook.Dial(s, h.dial)
				}
				return s, err
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { m.Run(ctx) })
		synctest.Wait()
		var want []string
		for range 60 { // an alert a minute
			want = append(want, j.Raise(1, alert.Low)...)
			time.Sleep(time.Minute)
		}
		s := m.Status()[0]
		if s.Health.State != control.Degraded || s.LastError != "connection refused" || s.Lag != 60 {
			t.Errorf("after an hour: %+v", s)
		}
		h.mu.Lock()
		if h.dials < 40 || h.dials > 140 {
			t.Errorf("%d attempts in an hour", h.dials)
		}
		h.mu.Unlock()
		h.set(false)
		time.Sleep(30 * time.Minute) // it asks for ten minutes twice
		synctest.Wait()
		mu.Lock()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("each once and in order (-want +got):\n%s", diff)
		}
		mu.Unlock()
		if s := m.Status()[0]; s.Health.State != control.Healthy || s.Lag != 0 || s.Missed != 0 {
			t.Errorf("at the end: %+v", s)
		}
		cancel()
		running.Wait()
		_ = srv.Close()
		serving.Wait()
	})
}

// TestAReceiverThatIsSlow takes twenty seconds for each alert: all of them come, once and in
// order, and another output waits for none of that. The clock is that of the bubble.
func TestAReceiverThatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		got := map[string][]string{} // guarded by mu; by output
		var serving sync.WaitGroup
		spec := func(name string, takes time.Duration) output.Spec {
			h := &host{conns: make(chan net.Conn, 64)}
			srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				var a alert.Alert
				if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
					t.Error(err)
				}
				time.Sleep(takes)
				mu.Lock()
				defer mu.Unlock()
				got[name] = append(got[name], a.Rule.Title)
			})}
			serving.Go(func() { _ = srv.Serve(h) })
			t.Cleanup(func() { _ = srv.Close() })
			return output.Spec{
				Name: name, Type: "webhook", Topics: []string{"alerts.#"}, MinLevel: alert.Low, Batch: 1,
				New: func() (output.Sink, error) {
					s, err := webhook.New(webhook.Options{URL: "http://hook.example/", Template: "json"})
					if err == nil {
						webhook.Dial(s, h.dial)
					}
					return s, err
				},
			}
		}
		j := &outputtest.Journal{}
		m := output.New(output.Options{Source: j, Bus: noBus{}, Logger: slog.New(slog.DiscardHandler)})
		if err := m.Apply([]output.Spec{spec("fast", 0), spec("slow", 20*time.Second)}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { m.Run(ctx) })
		synctest.Wait()
		want := j.Raise(30, alert.Low)
		time.Sleep(time.Minute)
		s := m.Status()
		if fast, slow := s[0], s[1]; fast.Lag != 0 || slow.Lag < 25 || slow.Health.State != control.Healthy || slow.Failures != 0 {
			t.Errorf("after a minute: %+v", s)
		}
		time.Sleep(10 * time.Minute)
		mu.Lock()
		for _, name := range []string{"fast", "slow"} {
			if diff := cmp.Diff(want, got[name]); diff != "" {
				t.Errorf("%s, each once and in order (-want +got):\n%s", name, diff)
			}
		}
		mu.Unlock()
		cancel()
		running.Wait()
	})
}
