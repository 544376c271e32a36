package life_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/manager/life"
)

func TestTimeInWhichTheAgentStoodStillDoesNotCount(t *testing.T) {
	var c life.Clock
	start := time.Now()
	read := func(after, awake, stood time.Duration) {
		t.Helper()
		if a, s := c.Read(start.Add(after)); a != awake || s != stood {
			t.Errorf("after %s: awake %s, stood %s; want %s, %s", after, a, s, awake, stood)
		}
	}
	read(0, 0, 0)
	read(500*time.Millisecond, 500*time.Millisecond, 0)
	read(60*second, 500*time.Millisecond+life.MaxStep, 59500*time.Millisecond-life.MaxStep)
	read(59*second, 500*time.Millisecond+life.MaxStep, 0) // time does not run back
}

func TestAfterTheAgentStoodStillHeartbeatsCountAnew(t *testing.T) {
	s := running(t, exact())
	s.l.Anew(7 * second)
	s.at(8*second, event(life.Tick), life.Running)
	s.at(13*second+500*time.Millisecond, event(life.Tick), life.Unresponsive, "warn silent", "note", "check")
}

func TestLimits(t *testing.T) {
	cpu, rss := 90.0, uint64(200<<20)
	l := life.Limits{CPUPercent: 50, RSS: 100 << 20}
	tests := []struct {
		name     string
		measured []func(*life.Excess) life.Verdict
		want     string
	}{
		{"within", []func(*life.Excess) life.Verdict{
			func(x *life.Excess) life.Verdict { return x.Measure(life.Limits{}, &cpu, &rss) },
		}, "-"},
		{"not known", []func(*life.Excess) life.Verdict{
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, nil) },
		}, "-"},
		{"memory", []func(*life.Excess) life.Verdict{
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, &rss) },
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, &rss) },
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, &rss) },
		}, "warn, over, restart: it takes 200 MiB of memory, the limit is 100 MiB"},
		{"processor, with a rest", []func(*life.Excess) life.Verdict{
			func(x *life.Excess) life.Verdict { return x.Measure(l, &cpu, nil) },
			func(x *life.Excess) life.Verdict { return x.Measure(l, nil, nil) },
			func(x *life.Excess) life.Verdict { return x.Measure(l, &cpu, nil) },
		}, "warn, -, warn: it takes 90 % of a core, the limit is 50 %"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var x life.Excess
			var got []string
			var last life.Verdict
			for _, m := range tt.measured {
				last = m(&x)
				switch {
				case last.Restart:
					got = append(got, "restart")
				case last.Warn:
					got = append(got, "warn")
				case last.Reason != "":
					got = append(got, "over")
				default:
					got = append(got, "-")
				}
			}
			text := strings.Join(got, ", ")
			if last.Reason != "" {
				text += fmt.Sprintf(": %s", last.Reason)
			}
			if text != tt.want {
				t.Errorf("%q, want %q", text, tt.want)
			}
		})
	}
}
