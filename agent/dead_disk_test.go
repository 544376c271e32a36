package agent_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/alert/store"
	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/ipc"
)

// TestADataDirectoryThatDoesNotAnswer delays neither the start nor alerts, and skips none that
// waits for an output. A FIFO in the place of a file has each open of it wait, as a mount whose
// server is dead.
func TestADataDirectoryThatDoesNotAnswer(t *testing.T) {
	t.Parallel() // it waits for the time that a disk has
	var mu sync.Mutex
	var got []int // guarded by mu
	down := true  // guarded by mu
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if down {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		got = append(got, number(t, b))
	}))
	defer hook.Close()
	taken := func(n int) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(got, n)
		}
	}
	o := agent.Options{DataDir: filepath.Join(t.TempDir(), "data"), Config: catching(t)}
	web := o.Config.Outputs["alerts"]
	web.Type, web.URL, web.Template, web.RetryMax = "webhook", hook.URL, "json", time.Second
	o.Config.Outputs["hook"] = web
	r := start(t, o)
	client := r.dial(ipc.ClientOptions{})
	raise(t, client, 1)
	raise(t, client, 2)
	file := filepath.Join(o.DataDir, "alerts.jsonl")
	eventually(t, "the file has them", func() bool { return len(numbers(t, file)) == 2 })
	_ = client.Close()
	r.stop()

	fifo := filepath.Join(o.DataDir, "version")
	if err := os.Remove(fifo); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	release := sync.OnceFunc(func() {
		aside := fifo + ".aside"
		if err := os.Rename(fifo, aside); err != nil {
			t.Error(err)
		}
		if w, err := os.OpenFile(aside, os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
			_ = w.Close() // who waits for the open has an error now, and tries again
		}
	})
	defer release()
	mu.Lock()
	down = false
	mu.Unlock()
	r = start(t, o)
	client = r.dial(ipc.ClientOptions{})
	alerts := status(t, client).Parts["alerts"]
	if alerts.State != control.Degraded || !strings.Contains(alerts.Reason, store.ErrStalled.Error()) || !strings.Contains(alerts.Reason, o.DataDir) {
		t.Errorf("the health of alerts: %+v", alerts)
	}
	raise(t, client, 3)
	eventually(t, "a new alert leaves", taken(3))
	eventually(t, "the health of outputs has that others wait", func() bool {
		h := status(t, client).Parts["outputs"]
		return h.State == control.Degraded && strings.Contains(h.Reason, "alerts of before it wait")
	})
	release()
	eventually(t, "what waited leaves", taken(2))
	eventually(t, "health", func() bool {
		s := status(t, client)
		return s.Parts["alerts"].State == control.Healthy && s.Parts["outputs"].State == control.Healthy
	})
	raise(t, client, 4)
	eventually(t, "a later one leaves", taken(4))
	eventually(t, "the file has all", func() bool { return slices.Contains(numbers(t, file), 4) })
	mu.Lock()
	if diff := cmp.Diff([]int{3, 1, 2, 4}, got); diff != "" {
		t.Errorf("the webhook, each once (-want +got):\n%s", diff)
	}
	mu.Unlock()
	if diff := cmp.Diff(upTo(4), numbers(t, file)); diff != "" {
		t.Errorf("the file, each once (-want +got):\n%s", diff)
	}
	_ = client.Close()
	r.stop()
}
