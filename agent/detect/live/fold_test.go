package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/detect/live"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/frame"
)

// rulesOn are n rules without an id that match the same programs.
func rulesOn(program string, n int, title func(int) string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\ntitle: %s\nlevel: low\nlogsource: {category: process_creation}\ndetection: {s: {Image|endswith: /%s}, condition: s}\n", title(i), program)
	}
	return b.String()
}

// TestWhatIsGatheredHasABound: many programs with long names, each of which many rules
// match, and each again within a second. Nothing of it is lost.
func TestWhatIsGatheredHasABound(t *testing.T) {
	const rules, programs, times = 20, 150, 3
	now, total, many := time.Now(), uint64(0), 0
	f := live.NewFold(func(_ *sigma.Head, count uint64, all bool) {
		if total += count; all {
			many++
		}
	})
	heads := make([]sigma.Head, rules)
	v, err := event.Parse(started(now, 1, 41, strings.Repeat("/long", 800), strings.Repeat("x", 4000)))
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for range times {
		for i := range programs {
			for r := range heads {
				f.Add(&heads[r], uint64(i), v, now)
				most = max(most, f.Held())
			}
		}
	}
	if most > live.MaxHeld+rules*len(v) || most < live.MaxHeld {
		t.Errorf("%d bytes were held, of at most %d and %d for a rule", most, live.MaxHeld, len(v))
	}
	f.Flush(now)
	if total != rules*programs*times || f.Held() != 0 || many != 2*rules {
		t.Errorf("%d of %d were raised, %d stand for many, %d bytes are held still", total, rules*programs*times, many, f.Held())
	}
}

// TestRulesOfOneTitleAreNotOneAlert: community files have several documents without an id.
func TestRulesOfOneTitleAreNotOneAlert(t *testing.T) {
	g := run(t, rulesOn("curl", 2, func(int) string { return "same" }), nil)
	g.publish(g.client("process"), "events.process.lifecycle", frame.ContentEvent, started(time.Now(), 1, 41, "/usr/bin/curl", "curl"))
	all := g.taken(2)
	if all[0].DedupKey == all[1].DedupKey {
		t.Errorf("both have the key %q", all[0].DedupKey)
	}
}

// TestAlertsOfOneEventShareIt: it is made once, however many rules match, and the next event
// has its own.
func TestAlertsOfOneEventShareIt(t *testing.T) {
	g := run(t, rulesOn("curl", 3, func(i int) string { return fmt.Sprint("rule ", i) }), nil)
	c, at := g.client("process"), time.Now()
	for i := range 2 {
		g.publish(c, "events.process.lifecycle", frame.ContentEvent, started(at, uint64(i), 41, fmt.Sprintf("/%d/curl", i), fmt.Sprintf("curl\x00%d", i)))
	}
	all := g.taken(6)
	for i, a := range all {
		first := all[i/3*3]
		if &a.Event[0] != &first.Event[0] || len(a.Context) != i/3 || !strings.Contains(string(a.Event), fmt.Sprintf(`"curl %d"`, i/3)) {
			t.Errorf("alert %d: context of %d, %s", i, len(a.Context), a.Event)
		}
	}
}
