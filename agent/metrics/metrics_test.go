package metrics_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/metrics"
	"github.com/daemoneye/eventbus/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// known is a status that has a value for every metric.
func known(context.Context) (control.Status, error) {
	return control.Status{
		Version: "1.2", Agent: control.Orchestration{State: control.Steady}, MaxConnections: 64, RestartFor: []string{"a", "b"},
		Parts: map[string]control.Health{"broker": {State: control.Degraded}, "collectors.process": {}},
		Collectors: []control.CollectorStatus{
			{Name: "process", State: control.CollectorRunning, Restarts: 3, Usage: &control.Usage{CPUPercent: new(12.5), RSS: new(uint64(4096))}},
			{Name: "odd\xff\"\n\\", State: control.CollectorGaveUp, Usage: &control.Usage{}},
		},
		Broker: router.Stats{
			Published: 10, PublishedByte: 1000, Matched: 9, Delivered: 7, Dropped: 1, Queued: 1, HandedOver: 2, Requests: 5, NoResponder: 1, LateReplies: 1,
			OpenRequests: 1, Topics: 4, Retained: 2, MaxBufferBytes: 100, DroppedBy: map[string]uint64{"queue full": 1},
			Refused: map[string]uint64{"denied": 3}, Charged: map[string]int64{"buffers": 50},
			Clients:       []router.ClientStats{{}, {Identity: router.Identity{PID: 7}}},
			Subscriptions: []router.SubStats{{Queued: 1}, {Queued: 5}},
			Latency:       router.Latency{Samples: 7, Sum: 3 * time.Millisecond, Buckets: []uint64{1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}},
		},
	}, nil
}

// serving serves a status until the test ends, and returns a client that dials it.
func serving(t *testing.T, address string, status metrics.Status) (l net.Listener, c *http.Client, stop func()) {
	t.Helper()
	l, err := metrics.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- metrics.Serve(ctx, l, status, slog.New(slog.DiscardHandler)) }() // awaited by stop
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, l.Addr().Network(), l.Addr().String())
	}}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v", err)
		}
		transport.CloseIdleConnections()
	}
	t.Cleanup(stop)
	return l, &http.Client{Transport: transport, Timeout: 20 * time.Second}, stop
}

func scrape(t *testing.T, c *http.Client) (status int, text string) {
	t.Helper()
	r, err := c.Get("http://agent/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestAScrape of both kinds of address: the values are those of the status, and promlint
// finds nothing.
func TestAScrape(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "unix:" + filepath.Join(t.TempDir(), "m.sock")} {
		if l, err := net.Listen("tcp", "[::1]:0"); strings.HasPrefix(address, "[") && err != nil {
			t.Logf("not tried: %v", err)
			continue
		} else if err == nil {
			l.Close()
		}
		_, c, _ := serving(t, address, known)
		code, text := scrape(t, c)
		if code != http.StatusOK {
			t.Fatalf("%s: status %d: %s", address, code, text)
		}
		for _, want := range []string{
			`daemoneye_build_info{version="1.2"} 1`, `daemoneye_agent_state{state="steady"} 1`, `daemoneye_agent_state{state="loading"} 0`,
			`daemoneye_health_state{part="broker"} 1`, `daemoneye_health_state{part="collectors.process"} 0`, `daemoneye_published_messages_total 10`,
			`daemoneye_dropped_messages_total{reason="queue full"} 1`, `daemoneye_deepest_queue_messages 5`, `daemoneye_refused_frames_total{code="denied"} 3`,
			`daemoneye_clients 1`, `daemoneye_max_clients 64`, `daemoneye_memory_bytes{use="buffers"} 50`, `daemoneye_collector_up{collector="process"} 1`,
			`daemoneye_collector_restarts_total{collector="process"} 3`, `daemoneye_collector_cpu_ratio{collector="process"} 0.125`,
			`daemoneye_collector_resident_memory_bytes{collector="process"} 4096`, `daemoneye_collector_up{collector="odd` + "\uFFFD" + `\"\n\\"} 0`,
			`daemoneye_delivery_latency_seconds_bucket{le="1e-05"} 1`, `daemoneye_delivery_latency_seconds_bucket{le="10"} 7`,
			`daemoneye_delivery_latency_seconds_bucket{le="+Inf"} 7`, `daemoneye_delivery_latency_seconds_sum 0.003`, `daemoneye_delivery_latency_seconds_count 7`,
			`daemoneye_reloads_waiting_keys 2`, "go_goroutines ", "process_resident_memory_bytes ",
		} {
			if !strings.Contains(text, "\n"+want) {
				t.Errorf("%s: no line %s", address, want)
			}
		}
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil {
			t.Error(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
		if t.Failed() {
			t.Logf("%s", text)
		}
	}
}

// TestOtherRequests get nothing.
func TestOtherRequests(t *testing.T) {
	_, c, _ := serving(t, "127.0.0.1:0", known)
	for _, path := range []string{"/", "/metrics/x", "/debug/pprof/"} {
		r, err := c.Get("http://agent" + path)
		if err != nil {
			t.Fatal(err)
		}
		if r.Body.Close(); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d", path, r.StatusCode)
		}
	}
	r, err := c.Post("http://agent/metrics", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Body.Close(); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", r.StatusCode)
	}
}

func TestAnAgentThatDoesNotAnswer(t *testing.T) {
	_, c, _ := serving(t, "127.0.0.1:0", func(context.Context) (control.Status, error) { return control.Status{}, errors.New("no") })
	if code, text := scrape(t, c); code != http.StatusInternalServerError || strings.Contains(text, "daemoneye_clients") {
		t.Errorf("status %d: %s", code, text)
	}
}

// TestConnectionsAreBounded: those that do nothing take no more than their places, and
// give them back.
func TestConnectionsAreBounded(t *testing.T) {
	l, c, _ := serving(t, "127.0.0.1:0", known)
	var idle []net.Conn
	refused := func() bool {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
		if _, err := conn.Write([]byte("GET /metrics HTTP/1.0\r\n")); err != nil {
			return true
		}
		_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // one that waits for the rest sends nothing
		_, err = conn.Read(make([]byte, 1))
		return !errors.Is(err, os.ErrDeadlineExceeded)
	}
	n := 0
	for !refused() {
		if n++; n > 100 {
			t.Fatal("there is no bound")
		}
	}
	for _, conn := range idle {
		conn.Close()
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		r, err := c.Get("http://agent/metrics")
		if err == nil {
			r.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no place has become free: %v", err)
		}
	}
}

func TestAddresses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"0.0.0.0:0": "not on the loopback interface", "example.org:80": "not on the loopback interface", ":9464": "not on the loopback interface",
		"127.0.0.1": "missing port", "127.0.0.1:99999": "invalid port", "unix:" + file: "exists and is not a socket",
		"unix:" + filepath.Join(dir, "none", "m.sock"): "no such file or directory",
	} {
		l, err := metrics.Listen(address)
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen(%q) = %v, want %s", address, err, want)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "x" {
		t.Errorf("the file is %q, %v", b, err)
	}
}

// TestAUnixSocketOfTheMetrics belongs to one agent, is its user's only, goes with its
// agent, and is replaced where that was killed.
func TestAUnixSocketOfTheMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	_, c, stop := serving(t, "unix:"+path, known)
	if code, _ := scrape(t, c); code != http.StatusOK {
		t.Errorf("status %d", code)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", st, err)
	}
	if _, err := metrics.Listen("unix:" + path); err == nil || !strings.Contains(err.Error(), "another agent serves it") {
		t.Errorf("a second one: %v", err)
	}
	if code, _ := scrape(t, c); code != http.StatusOK {
		t.Errorf("after it: status %d", code)
	}
	stop()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// TestGarbageIsAnsweredOrCut, and the next scrape is answered.
func TestGarbageIsAnsweredOrCut(t *testing.T) {
	l, c, _ := serving(t, "127.0.0.1:0", known)
	for _, garbage := range []string{"\r\n\r\n", "GET\r\n\r\n", "GET /metrics FTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00", "GET /metrics HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = conn.Write([]byte(garbage)) // it may be cut before all is read
		_ = conn.(*net.TCPConn).CloseWrite()
		if answer, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(answer), "daemoneye_") {
			t.Errorf("%.20q: %v, %.80s", garbage, err, answer)
		}
		conn.Close()
	}
	if code, _ := scrape(t, c); code != http.StatusOK {
		t.Errorf("status %d", code)
	}
}
