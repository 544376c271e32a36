package performance

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

func second(n int) clock.Moment {
	return clock.Moment{MonoNs: int64(n) * int64(time.Second), WallNs: 1e18 + int64(n)*int64(time.Second)}
}

// TestLimits feeds a figure a second into a watch with limit 90 %, margin 5 and 3 s.
func TestLimits(t *testing.T) {
	const unknown = -1
	tests := []struct {
		name    string
		figures []int // percent, by second
		want    []string
	}{
		{"never too high", []int{10, 89, 50}, nil},
		{"too high, and not for long enough", []int{95, 95, 95, 89, 95, 95, 95, 10}, nil},
		{"too high for long enough", []int{10, 90, 95, 95, 99, 99}, []string{"4: anomaly since 1"}},
		{"up and down between the limit and the margin", []int{95, 95, 95, 95, 86, 95, 85, 95}, []string{"3: anomaly since 0"}},
		{"recovered, and high again", []int{95, 95, 95, 95, 84, 95, 95, 95, 95}, []string{"3: anomaly since 0", "4: recovery since 0", "8: anomaly since 5"}},
		{"unknown in between changes nothing", []int{95, unknown, unknown, 95, unknown, 80}, []string{"3: anomaly since 0", "5: recovery since 0"}},
		{"unknown all the time", []int{unknown, unknown, unknown, unknown}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWatch("m", 90, 5, 3*time.Second)
			var got []string
			for i, percent := range tt.figures {
				figure := event.Number(0)
				if percent != unknown {
					figure = event.Known(uint64(percent) * 1e4)
				}
				if op := w.look(figure, second(i)); op != 0 {
					got = append(got, fmt.Sprintf("%d: %v since %d", i, op, w.since.MonoNs/int64(time.Second)))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestALimitOfZeroIsNone(t *testing.T) {
	w := newWatch("m", 0, 5, 0)
	if op := w.look(event.Known(1e6), second(1)); op != 0 {
		t.Errorf("%v", op)
	}
}

// TestALimitBelowTheMarginCanRecover: a figure of 0 is within every limit.
func TestALimitBelowTheMarginCanRecover(t *testing.T) {
	w := newWatch("m", 3, 5, 0)
	for i, tt := range []struct {
		figure uint64
		want   event.Operation
	}{{30_000, event.OpAnomaly}, {10_000, 0}, {0, event.OpRecovery}} {
		if op := w.look(event.Known(tt.figure), second(i)); op != tt.want {
			t.Errorf("%d: %v, want %v", i, op, tt.want)
		}
	}
}

// TestAnAnomalySaysWhatWasMeasured: the figure, its limit, since when, and the sample.
func TestAnAnomalySaysWhatWasMeasured(t *testing.T) {
	w := newWatches(Limits{CPU: 90, Filesystem: 80}, 5, time.Second)
	full := filesystem{mount: "/var", bytes: space{event.Known(100), event.Known(90)}, available: event.Known(10)}
	busy := &sample{host: event.Usage{CPU: event.Known(950_000), Load1: event.Known(3e6)}, filesystems: []filesystem{full}}
	var got []event.Usage
	var ops []event.Operation
	look := func(s *sample, at int) {
		w.look(s, second(at), func(op event.Operation, u *event.Usage) { ops, got = append(ops, op), append(got, *u) })
	}
	look(busy, 1)
	look(busy, 2)
	look(&sample{host: event.Usage{CPU: event.Known(10_000)}}, 3) // and /var is not mounted any more
	since := second(1).WallNs
	want := []event.Usage{
		{CPU: event.Known(950_000), Load1: event.Known(3e6), Metric: "host.cpu.usage", Value: event.Known(950_000), Limit: event.Known(900_000), SinceNs: since},
		{
			Mount: "/var", FilesystemSize: event.Known(100), FilesystemUsed: event.Known(90), FilesystemFull: event.Known(900_000),
			Metric: "system.filesystem.used.pct", Value: event.Known(900_000), Limit: event.Known(800_000), SinceNs: since,
		},
		{CPU: event.Known(10_000), Metric: "host.cpu.usage", Value: event.Known(10_000), Limit: event.Known(900_000), SinceNs: since},
		{Mount: "/var", Metric: "system.filesystem.used.pct", Limit: event.Known(800_000), SinceNs: since},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]event.Operation{event.OpAnomaly, event.OpAnomaly, event.OpRecovery, event.OpRecovery}, ops); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(w.mounted) != 0 {
		t.Errorf("%d filesystems are remembered that are not mounted", len(w.mounted))
	}
}

// TestTheNamesOfMetricsAreFields that a rule can ask for.
func TestTheNamesOfMetricsAreFields(t *testing.T) {
	w := newWatches(Limits{}, 0, 0)
	names := []string{metricFilesystem, metricFiles}
	for _, h := range w.host {
		names = append(names, h.metric)
	}
	for _, name := range names {
		if f, ok := event.FieldByName(event.TablePerformance, name); !ok || f.Kind() != event.KindRatio {
			t.Errorf("%s is no field with a ratio", name)
		}
	}
}

// TestAWatchIsAdjusted: what is too high stays so under a new limit, and has recovered when
// it is below that, or when there is no limit any more.
func TestAWatchIsAdjusted(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limit  int // from second 1 on
		figure int // from second 1 on
		want   event.Operation
	}{
		{"a lower limit", 40, 50, 0},
		{"a higher one", 95, 92, 0},
		{"a higher one, below which it is", 95, 89, event.OpRecovery},
		{"none", 0, 92, event.OpRecovery},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWatch("m", 90, 5, 0)
			if op := w.look(event.Known(92e4), second(0)); op != event.OpAnomaly {
				t.Fatalf("at first %v", op)
			}
			w.adjust(tt.limit, 5, 0)
			if op := w.look(event.Known(uint64(tt.figure)*1e4), second(1)); op != tt.want {
				t.Errorf("then %v, want %v", op, tt.want)
			}
		})
	}
}
