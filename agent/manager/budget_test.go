package manager_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/manager"
)

func TestTheRestartBudget(t *testing.T) {
	const short, long = time.Second, time.Minute
	o := manager.Options{MaxRestarts: 3, FirstBackoff: time.Second, MaxBackoff: 3 * time.Second, StableAfter: long}
	tests := []struct {
		name   string
		o      manager.Options
		served []time.Duration // before each restart
		want   []time.Duration // the most that is waited; 0 for no restart
	}{
		{"the pause doubles up to its bound, then there is none left", o,
			[]time.Duration{short, short, short, short}, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 0}},
		{"one that never registered was not stable", o,
			[]time.Duration{0, 0, 0, 0}, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 0}},
		{"one that was stable begins anew", o,
			[]time.Duration{short, short, long, short}, []time.Duration{time.Second, 2 * time.Second, time.Second, 2 * time.Second}},
		{"even when nothing was left", o,
			[]time.Duration{short, short, short, long}, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, time.Second}},
		{"a negative number of restarts is none", manager.Options{MaxRestarts: -1},
			[]time.Duration{short}, []time.Duration{0}},
		{"five restarts by default", manager.Options{MaxBackoff: 400 * time.Millisecond},
			[]time.Duration{0, 0, 0, 0, 0, 0}, []time.Duration{
				200 * time.Millisecond, 400 * time.Millisecond, 400 * time.Millisecond, 400 * time.Millisecond, 400 * time.Millisecond, 0,
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := manager.NewBudget(tt.o)
			for i, served := range tt.served {
				pause, ok := b.Spend(served)
				if ok != (tt.want[i] > 0) || pause < tt.want[i]/2 || pause > tt.want[i] {
					t.Errorf("end %d: pause %v, %v; want %v to %v", i+1, pause, ok, tt.want[i]/2, tt.want[i])
				}
			}
		})
	}
}

// TestARefusalIsPausedForToo holds that the pause before a collector that was refused
// grows, though it spends no restart.
func TestARefusalIsPausedForToo(t *testing.T) {
	b := manager.NewBudget(manager.Options{MaxRestarts: 1, FirstBackoff: time.Second, MaxBackoff: 3 * time.Second})
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
		if pause, ok := b.Refused(); !ok || pause < want/2 || pause > want {
			t.Errorf("refusal %d: pause %v, %v; want %v to %v", i+1, pause, ok, want/2, want)
		}
	}
	if _, ok := b.Spend(0); !ok {
		t.Error("refusals have spent the restart")
	}
}

func TestWhatExplainsAnEnd(t *testing.T) {
	long := strings.Repeat("x", manager.MaxLine)
	tests := []struct {
		name  string
		parts []string
		want  string
		lines int
	}{
		{"nothing was said", nil, "", 0},
		{"the last line", []string{"first\nlast\n"}, "last", 2},
		{"the last line without its end", []string{"first\nlast"}, "last", 2},
		{"a line that comes in pieces", []string{"fi", "rst", "\nla", "st\n"}, "last", 2},
		{"empty lines say nothing", []string{"first\n\n \n\n"}, "first", 1},
		{"the first line of a panic", []string{"before\n", "panic: oops\n\ngoroutine 1 [running]:\nmain.main()\n"}, "panic: oops", 4},
		{"the first line of a fatal error", []string{"fatal error: all asleep\nmain.main()\n"}, "fatal error: all asleep", 2},
		{"a line that is too long is cut", []string{long + "tail\n"}, "tail", 2},
		{"a line that is just short enough is not", []string{long + "\n"}, long[:300], 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &log{}
			if diff := cmp.Diff(tt.want, manager.Explain(slog.New(l), tt.parts...)); diff != "" {
				t.Errorf("explanation (-want +got):\n%s", diff)
			}
			if len(l.lines) != tt.lines {
				t.Errorf("%d lines were logged, want %d: %.80q", len(l.lines), tt.lines, l.lines)
			}
		})
	}
}
