package ipc_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestOptionsThatMakeNoSense have an error that names the bounds.
func TestOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	b, err := router.New(router.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const forever = time.Duration(math.MaxInt64)
	for want, o := range map[string]ipc.Options{
		"MaxConnections is -1, want 1 to 1048576":                     {MaxConnections: -1},
		"MaxConnections is 2147483647, want 1 to 1048576":             {MaxConnections: math.MaxInt32},
		"PublishRate is -5, want 0 to 1000000000":                     {PublishRate: -5},
		"ConnectionTimeout is -1s, want 0 to 24h0m0s":                 {ConnectionTimeout: -time.Second},
		"Heartbeat is 2562047h47m16.854775807s, want 0 to 24h0m0s":    {Heartbeat: forever},
		"DrainTimeout is 2562047h47m16.854775807s, want 0 to 24h0m0s": {DrainTimeout: forever},
	} {
		o.Path = filepath.Join(t.TempDir(), "run", "x.sock")
		if err := ipc.Serve(t.Context(), b, o); err == nil || err.Error() != "ipc: options: "+want {
			t.Errorf("Serve = %v, want %s", err, want)
		}
	}
	for want, o := range map[string]ipc.ClientOptions{
		"Queue is -1, want 1 to 16777216":                         {Queue: -1},
		"Queue is 2147483647, want 1 to 16777216":                 {Queue: math.MaxInt32},
		"Backlog is -1, want 0 to 1073741824":                     {Backlog: -1},
		"Backlog is 2147483647, want 0 to 1073741824":             {Backlog: math.MaxInt32},
		"FD is -1, want 0 to 2147483647":                          {FD: -1},
		"LatencyBudget is 2562047h47m16.854775807s, want 0 to 1s": {LatencyBudget: forever},
	} {
		o.Path = "/nowhere"
		if _, err := ipc.DialOptions(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), "ipc: options: "+want) {
			t.Errorf("DialOptions = %v, want %s", err, want)
		}
	}
}
