package filter_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/filter"
)

// A filter never takes more memory than Memory returns, nor much less, with all that the
// subscription lists.
func TestAFilterTakesWhatMemorySays(t *testing.T) {
	list := func(n int, format string) string {
		var l []string
		for i := range n {
			l = append(l, fmt.Sprintf(`"`+format+`"`, i))
		}
		return "[" + strings.Join(l, ",") + "]"
	}
	pairs := func(n int, value string) string {
		var l []string
		for i := range n {
			l = append(l, fmt.Sprintf(`"k%d":"%s"`, i, value))
		}
		return "{" + strings.Join(l, ",") + "}"
	}
	long := strings.Repeat("x", 200)
	for name, spec := range map[string]string{
		"a priority":          `"event_filter":{"min_priority":3}`,
		"one id":              `"correlation_filter":{"ids":["a"]}`,
		"a thousand ids":      `"correlation_filter":{"ids":` + list(1000, "%010d") + `}`,
		"long ids":            `"correlation_filter":{"root_ids":` + list(200, long+"%d") + `}`,
		"stages":              `"correlation_filter":{"workflow_stages":` + list(9, "%d") + `}`,
		"pids":                `"event_filter":{"pids":` + strings.ReplaceAll(list(1000, "9%d"), `"`, ``) + `}`,
		"topics":              `"event_filter":{"topics":` + list(500, "a.b.c%d") + `}`,
		"topics of 8":         `"event_filter":{"topics":` + list(500, "a.b.c.d.e.f.g.c%d") + `}`,
		"event types":         `"event_filter":{"event_types":` + list(500, "t%d") + `}`,
		"sources twice":       `"event_filter":{"sources":` + list(300, "s%d") + `},"capabilities":{"collectors":` + list(300, "s%d") + `}`,
		"globs":               `"correlation_filter":{"patterns":` + list(32, "*%d*") + `}`,
		"globs of many stars": `"correlation_filter":{"patterns":` + list(32, strings.Repeat("*a", 120)+"%d") + `}`,
		"one tag":             `"correlation_filter":{"any_tags":` + pairs(1, "v") + `}`,
		"tags":                `"correlation_filter":{"required_tags":` + pairs(500, "v") + `,"any_tags":` + pairs(500, "w") + `}`,
		"long metadata":       `"event_filter":{"metadata":` + pairs(64, long) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			const n = 100
			text := []byte(`{"topic_patterns":["a"],` + spec + `}`)
			plain := []byte(`{"topic_patterns":["a"],"correlation_filter":null}`)
			type compiled struct {
				spec   bus.Subscription
				filter *filter.Filter
			}
			var said int64
			measure := func(text []byte) int64 {
				kept := make([]*compiled, n)
				before := heap()
				for i := range kept {
					s, err := bus.ParseSubscription(text)
					if err != nil {
						t.Fatal(err)
					}
					f, err := filter.CompileFilter(&s, true)
					if err != nil {
						t.Fatal(err)
					}
					kept[i] = &compiled{s, f}
					said = filter.Memory(&s)
				}
				got := heap() - before
				runtime.KeepAlive(kept)
				return got / n
			}
			without := measure(plain)
			if said != 0 {
				t.Errorf("%d bytes without a filter", said)
			}
			got := measure(text) - without
			for range 5 { // what the runtime itself keeps meanwhile is in it, too
				if got <= said {
					break
				}
				got = min(got, measure(text)-without)
			}
			if got > said || strconv.IntSize == 64 && said > 3*got+3000 { // the formula is of 64-bit machines
				t.Errorf("it takes %d bytes, and is said to take %d", got, said)
			}
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
