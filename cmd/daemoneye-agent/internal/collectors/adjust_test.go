package collectors

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/agent/event"
)

// TestCollectorsTakeSettingsWithoutABreak: what can change in each section while the collector
// observes, and that another source needs a fresh start.
func TestCollectorsTakeSettingsWithoutABreak(t *testing.T) {
	type values map[string]any
	dir, other := t.TempDir(), t.TempDir()
	for name, tt := range map[string]struct {
		kind  string // empty: the name
		first values // besides the defaults
		live  []values
		fresh values
	}{
		"process": {
			first: values{"source": "poll"},
			live:  []values{{"poll_interval": 20 * time.Millisecond}},
			fresh: values{"source": "netlink"},
		},
		"process, by what the kernel reports": {
			kind: "process",
			live: []values{{"poll_interval": 20 * time.Millisecond}},
		},
		"filesystem": {
			first: values{"source": "inotify", "paths": []string{dir}, "executables": []string{}},
			live: []values{
				{"paths": []string{dir, other}}, {"paths": []string{other}}, {"executables": []string{dir}},
				{"exclude": []string{other + "/x"}}, {"bulk_changes": 7}, {"bulk_window": time.Minute},
			},
			fresh: values{"source": "fanotify"},
		},
		"network": {live: []values{{"interval": 50 * time.Millisecond}}},
		"performance": {
			live: []values{
				{"interval": 100 * time.Millisecond}, {"top_processes": 1}, {"cpu_percent": 1}, {"memory_percent": 0}, {"swap_percent": 1},
				{"filesystem_percent": 1}, {"files_percent": 1}, {"cpu_pressure_percent": 1}, {"io_pressure_percent": 1},
				{"memory_pressure_percent": 1}, {"sustain": time.Duration(0)}, {"hysteresis_percent": 0},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			kind := cmp.Or(tt.kind, name)
			var all values
			if err := json.Unmarshal(config.Default().Section("collectors."+kind), &all); err != nil {
				t.Fatal(err)
			}
			var c collector.Collector
			build := func(more values) (collector.Collector, error) {
				maps.Copy(all, more)
				b, err := json.Marshal(all)
				if err != nil {
					t.Fatal(err)
				}
				if r, ok := c.(collector.Remaker); ok {
					return r.Remake(b)
				}
				for _, k := range Kinds {
					if k.Name == kind {
						return k.make(b, host.Host{})
					}
				}
				panic("no such collector")
			}
			c, err := build(tt.first)
			if err != nil {
				t.Skip(err)
			}
			live := c.(collector.Adjustable)
			ctx, stop := context.WithCancel(t.Context())
			emit := numbered(t)
			ended := background(func() error { return c.Run(ctx, emit) })
			for _, v := range tt.live {
				next, err := build(v)
				if err != nil {
					t.Fatal(err)
				}
				waiting, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				err = live.Adjust(waiting, next)
				cancel()
				if err != nil || live.Describe() != next.Describe() {
					t.Errorf("%v: %v; now it is %q, want %q", v, err, live.Describe(), next.Describe())
				}
			}
			if next, err := build(tt.fresh); err == nil && tt.fresh != nil {
				if err := live.Adjust(t.Context(), next); !errors.Is(err, collector.ErrFresh) {
					t.Errorf("%v: %v", tt.fresh, err)
				}
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			// Another one takes its place, and goes on with its numbers.
			maps.Copy(all, tt.first)
			next, err := build(tt.live[0])
			if err != nil {
				t.Fatal(err)
			}
			next.(collector.Adjustable).Succeed(c)
			ctx, stop = context.WithTimeout(t.Context(), 20*time.Second)
			stirred := background(func() error { // has all collectors see something; ends with ctx
				for ctx.Err() == nil {
					_ = os.WriteFile(filepath.Join(dir, "stir"), []byte(time.Now().String()), 0o600)
					time.Sleep(time.Millisecond)
				}
				return nil
			})
			err = next.Run(ctx, func(m collector.Message) { emit(m); stop() })
			<-stirred
			if err != nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("the next one: %v, %v", err, ctx.Err())
			}
		})
	}
}

// background runs f, and returns where its error comes.
func background(f func() error) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- f() }() // awaited by who asked
	return ended
}

// numbered takes events whose numbers must have no break.
func numbered(t *testing.T) collector.Emit {
	var last atomic.Uint64
	return func(m collector.Message) {
		v, err := event.Parse(m.Payload)
		if err != nil {
			t.Errorf("%s: %v", m.Topic, err)
			return
		}
		if before := last.Swap(v.Sequence()); v.Sequence() != before+1 {
			t.Errorf("event %d came after %d", v.Sequence(), before)
		}
	}
}
