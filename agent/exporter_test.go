package agent_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/ipc"
)

// scrapeUnix reads the metrics at a Unix socket.
func scrapeUnix(t *testing.T, path string) (string, error) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	r, err := (&http.Client{Transport: transport, Timeout: patience}).Get("http://agent/metrics")
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

// TestMetricsAreTheFiguresOfTheStatus, and a reload turns them on, moves them and turns
// them off. An address that cannot be had is a mistake, and changes nothing.
func TestMetricsAreTheFiguresOfTheStatus(t *testing.T) {
	r := startReloadable(t)
	client := r.dial(ipc.ClientOptions{})
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	listen := func(address, level string) []string {
		t.Helper()
		r.write(t, r.text(fmt.Sprintf("metrics: {listen: %q}\nlog: {level: %s}\n", address, level)))
		return r.ask(t, client).Mistakes
	}
	if _, err := scrapeUnix(t, one); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("off by default: %v", err)
	}
	for _, path := range []string{one, two} {
		if m := listen("unix:"+path, "info"); len(m) > 0 {
			t.Fatal(m)
		}
		eventually(t, "a scrape", func() bool {
			text, err := scrapeUnix(t, path)
			return err == nil && strings.Contains(text, fmt.Sprintf("\ndaemoneye_max_clients %d\n", status(t, client).MaxConnections)) &&
				strings.Contains(text, "\ndaemoneye_agent_state{state=\"steady\"} 1\n") && strings.Contains(text, "\ndaemoneye_clients 1\n")
		})
	}
	eventually(t, "the first address is given up", func() bool { _, err := os.Stat(one); return errors.Is(err, os.ErrNotExist) })
	before := r.level.Level()
	if m := listen("unix:"+filepath.Join(dir, "none", "x"), "error"); len(m) != 1 || !strings.HasPrefix(m[0], "metrics.listen: metrics: open ") {
		t.Errorf("mistakes %q", m)
	}
	if text, err := scrapeUnix(t, two); err != nil || text == "" || r.level.Level() != before {
		t.Errorf("after a rejected reload: %v, level %v", err, r.level.Level())
	}
	if m := listen("", "info"); len(m) > 0 {
		t.Fatal(m)
	}
	eventually(t, "the second address is given up", func() bool { _, err := os.Stat(two); return errors.Is(err, os.ErrNotExist) })
}

// TestAnAgentWithoutItsAddressForMetrics does not start.
func TestAnAgentWithoutItsAddressForMetrics(t *testing.T) {
	a, err := agent.New(agent.Options{Config: configured(func(c *config.Config) {
		c.Broker.SocketPath = socket(t)
		c.Metrics.Listen = "unix:" + filepath.Join(t.TempDir(), "none", "x")
	})})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Run = %v", err)
	}
}
