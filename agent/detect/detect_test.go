package detect_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/window"
	"github.com/daemoneye/eventbus/agent/event"
)

const documents = `
title: a
name: a
level: low
logsource: {category: process_creation}
detection: {s: {Image|endswith: /a}, condition: s}
---
title: counted
name: counted
level: low
logsource: {category: process_creation}
detection: {s: {Image|endswith: /b}, condition: s}
---
title: off
name: off
level: low
logsource: {category: process_creation}
detection: {s: {Imphash: x}, condition: s}
---
title: only for another
level: low
name: lonely
logsource: {category: process_creation}
detection: {s: {Image|endswith: /b}, condition: s}
---
title: twice
level: high
correlation: {type: event_count, rules: [counted], timespan: 1m, condition: {gte: 2}}
---
title: never
name: never
level: high
correlation: {type: event_count, rules: [off], timespan: 1m, condition: {gte: 2}}
---
title: both
name: both
level: high
correlation: {type: temporal, rules: [lonely, counted, off], timespan: 1m}
---
title: more of both
level: high
correlation: {type: event_count, rules: [single, both], timespan: 1m, condition: {gte: 2}}
---
title: single
name: single
level: high
correlation: {type: event_count, rules: [lonely], timespan: 1m, condition: {gte: 2}}
`

func load(t *testing.T) *detect.Rules {
	t.Helper()
	var s sigma.Set
	s.Add("rules.yml", []byte(documents), sigma.Options{})
	r := detect.Compile(&s, detect.Options{})
	if len(s.Problems) > 0 {
		t.Fatal(s.Problems)
	}
	return r
}

func start(t *testing.T, at int64, image string) event.View {
	t.Helper()
	e := event.Process{Header: event.Header{Operation: event.OpStart, WallNs: at}, Actor: event.Actor{Executable: image}}
	v, err := event.Parse(e.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestADetectorFindsRulesAndCorrelations(t *testing.T) {
	d := load(t).Detector()
	minute := time.Minute.Nanoseconds()
	for i, tt := range []struct {
		at    int64
		image string
		want  []string
	}{
		{0, "/bin/a", []string{"a"}},
		{0, "/bin/b", nil}, // is only counted
		{minute, "/bin/b", []string{"twice"}},
		{minute, "/bin/c", nil},
		{2 * minute, "/bin/b", nil}, // the window began anew
	} {
		var got []string
		for _, x := range d.Observe(start(t, tt.at, tt.image)) {
			got = append(got, x.Head.Title)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestWhatIsInactiveSaysWhy(t *testing.T) {
	r := load(t)
	want := map[string]string{
		"a": "", "counted": "", "off": "nobody collects field Imphash of process events",
		"twice": "", "never": "it counts off, which is inactive", "both": "it counts off, which is inactive",
		"more of both":     "it counts both, which is inactive",
		"single":           "only correlations count it, and they are inactive: more of both",
		"only for another": "only correlations count it, and they are inactive: both",
	}
	got := map[string]string{}
	for _, x := range r.Set.Rules {
		got[x.Title] = r.Inactive(x)
	}
	for _, x := range r.Set.Correlations {
		got[x.Title] = r.InactiveCorrelation(x)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if idle := r.Idle(); len(idle) != 1 || idle[0].Title != "only for another" {
		t.Errorf("idle are %v", idle)
	}
}

func TestALossMarksACorrelation(t *testing.T) {
	d := load(t).Detector()
	d.Observe(start(t, 0, "/bin/b"))
	d.Lost(window.Loss{From: time.Unix(0, 5), To: time.Unix(0, 5)})
	got := d.Observe(start(t, 10, "/bin/b"))
	if len(got) != 1 || !got[0].Incomplete {
		t.Errorf("%+v", got)
	}
}
