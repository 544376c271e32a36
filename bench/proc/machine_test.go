package proc_test

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

func TestProcessorTimesAreReadOrUnknown(t *testing.T) {
	const tick = 10 * time.Millisecond
	for _, c := range []struct {
		name, text string
		want       proc.Processors
	}{
		{"two cores, a guest and stolen time",
			"cpu  100 20 30 4000 500 6 7 8 90 1\ncpu0 50 10 15 2000 250 3 3 4 45 0\ncpu1 50 10 15 2000 250 3 4 4 45 1\nintr 5 1\n",
			proc.Processors{Known: true, Cores: 2, Busy: (100 + 20 + 30 + 6 + 7 + 8) * tick, Stole: 8 * tick}},
		{"an old kernel without stolen time", "cpu  1 2 3 4\ncpu0 1 2 3 4\n", proc.Processors{Cores: 1, Busy: 6 * tick}},
		{"no single core", "cpu  100 20 30 4000 500 6 7 8 90 1\n", proc.Processors{}},
		{"not a number", "cpu  100 20 a 4000 500 6 7 8 90 1\ncpu0 1 1 1 1 1 1 1 1 1 1\n", proc.Processors{}},
		{"empty", "", proc.Processors{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, proc.ParseProcessors([]byte(c.text))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOthersIsWhatIsSurelyNotOurs(t *testing.T) {
	m := proc.Machine{Known: true, Wall: time.Second, Cores: 2, Own: 300 * time.Millisecond, Busy: 1320 * time.Millisecond}
	for _, c := range []struct {
		rest time.Duration
		want float64
	}{{0, 0.5}, {500 * time.Millisecond, 0.25}, {time.Second, 0}, {2 * time.Second, 0}} {
		if got, known := m.Others(c.rest); !known || got != c.want {
			t.Errorf("without %v: %v, %v; want %v", c.rest, got, known, c.want)
		}
	}
	m.Known = false
	if _, known := m.Others(0); known {
		t.Error("others are known of a machine that is not")
	}
}

// The time that the processors had is the wall time of each of them, but for ticks.
func TestTheMachineIsWatchedForTheMeasuredPart(t *testing.T) {
	if b, err := os.ReadFile("/proc/stat"); err != nil || !proc.ParseProcessors(b).Known {
		t.Skipf("/proc/stat: %v: it does not say what the processors do", err)
	}
	span := load.NewSpan(0, 0, 50*time.Millisecond)
	m, err := proc.WatchMachine(t.Context(), span)
	if err != nil {
		t.Fatal(err)
	}
	if !m.Known || m.Wall < span.Measured() || m.Cores < 1 || m.Stole < 0 || m.Busy < m.Stole {
		t.Errorf("%+v", m)
	}
}
