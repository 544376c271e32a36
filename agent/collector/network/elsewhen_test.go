package network_test

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/network"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestATimeNamespace: clocks there show other times than the kernel's records.
func TestATimeNamespace(t *testing.T) {
	if !storytest.Again(t, "unshare", "--time", "--fork", "--monotonic", "12345", "--boottime", "67890") {
		return
	}
	if ahead, err := clock.ReadAhead("/proc"); err != nil || ahead.MonoNs != 12345e9 {
		t.Fatalf("clocks are ahead by %+v, %v", ahead, err)
	}
	onEachSource(t, func(t *testing.T, mode network.Mode) {
		r := start(t, mode, network.MinInterval)
		l := listen(t, "tcp", "127.0.0.1:0")
		before := clock.Mono()
		client, server := pair(t, l)
		begun := r.await(event.OpConnect, between(client, event.Egress))
		r.ours(begun) // by pid and start
		client.Close()
		server.Close()
		ended := r.await(event.OpClose, between(client, event.Egress))
		after := clock.Mono()
		if begun.MonoNs < before || ended.MonoNs < begun.MonoNs || after < ended.MonoNs {
			t.Errorf("it began at %d and ended at %d, want %d to %d", begun.MonoNs, ended.MonoNs, before, after)
		}
		if took, ok := ended.Body.DurationNs.Get(); !ok || took > uint64(time.Duration(after-before)) {
			t.Errorf("it took %d, known %v", took, ok)
		}
	})
}
