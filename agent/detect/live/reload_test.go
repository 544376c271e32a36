package live_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/detect/live"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/window"
	"github.com/daemoneye/eventbus/frame"
)

// titled is the simple rule under another title, for programs of that name.
func titled(title, program string) string {
	id := fmt.Sprintf("6e6f9a52-6d0e-4a43-9ac5-%012x", title)
	return strings.NewReplacer("6e6f9a52-6d0e-4a43-9ac5-0f1d9d3ad001", id[:36], "Curl is run", title, "/curl", "/"+program).Replace(simple)
}

// titles returns the titles of the rules that are loaded.
func (g *rig) titles() (all []string) {
	for after := 0; ; {
		page := g.runner.Rules(after)
		for _, r := range page.Rules {
			all = append(all, r.Title)
		}
		if after += len(page.Rules); !page.More {
			slices.Sort(all)
			return all
		}
	}
}

func (g *rig) wantTitles(want ...string) {
	g.t.Helper()
	if got := g.titles(); !slices.Equal(got, want) {
		g.t.Errorf("loaded are %q, want %q", got, want)
	}
}

// TestAMistakeLeavesAFileAsItWas: the other files are read anew, and what is new and
// wrong is only left out. A file that is removed is gone, whatever it was.
func TestAMistakeLeavesAFileAsItWas(t *testing.T) {
	g := run(t, titled("one", "a"), nil)
	g.write("two.yml", titled("two", "b"))
	if r := g.runner.Load("test"); r.Errors != 0 || r.Unchanged || r.Active != 2 {
		t.Errorf("%+v", r)
	}
	g.wantTitles("one", "two")

	g.write("rules.yml", titled("one and a half", "a")+"---\n"+strings.Replace(titled("broken", "a"), "endswith", "endwith", 1))
	g.write("two.yml", titled("two and a half", "b"))
	g.write("three.yml", "no rule\n")
	r := g.runner.Load("test")
	g.wantTitles("one", "two and a half")
	path := filepath.Join(g.dir, "rules.yml")
	if !slices.Equal(r.Kept, []string{path}) || r.Errors != 2 {
		t.Errorf("kept %q, %d errors", r.Kept, r.Errors)
	}
	if text := r.Problems[0].String(); !strings.HasPrefix(text, path+":") || !strings.HasSuffix(text, "(nearest: endswith)") {
		t.Errorf("the problem is %q", text)
	}
	h := g.runner.Health(time.Now())
	if h.State != control.Degraded || !strings.Contains(h.Reason, "1 files of rules have a mistake now, and stay as they were: "+path) {
		t.Errorf("health is %+v", h)
	}
	if r := g.runner.Load("test"); !r.Unchanged || len(r.Kept) != 1 || r.Errors != 2 {
		t.Errorf("once more: %+v", r)
	}

	g.write("rules.yml", titled("one again", "a"))
	g.runner.Load("test")
	g.wantTitles("one again", "two and a half")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	g.runner.Load("test")
	g.wantTitles("two and a half")
}

// TestAFileThatCannotBeReadStaysAsItWas: it is there, as what it is not.
func TestAFileThatCannotBeReadStaysAsItWas(t *testing.T) {
	g := run(t, titled("one", "a"), nil)
	path := filepath.Join(g.dir, "rules.yml")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", path); err != nil {
		t.Fatal(err)
	}
	r := g.runner.Load("test")
	g.wantTitles("one")
	if !slices.Equal(r.Kept, []string{path}) || !strings.Contains(r.Problems[0].String(), "cannot be read: not a regular file") {
		t.Errorf("%+v", r)
	}
}

func TestRulesAreChosen(t *testing.T) {
	low := strings.Replace(titled("low", "b"), "level: high", "level: low\nstatus: experimental", 1)
	counts := "---\ntitle: counts\nlevel: critical\ncorrelation: {type: event_count, rules: [6e6f9a52-6d0e-4a43-9ac5-0f1d9d3ad001], timespan: 1m, condition: {gte: 3}}\n"
	for _, tt := range []struct {
		name             string
		level            sigma.Level
		include, exclude []string
		want             []string
	}{
		{"all", 0, nil, nil, []string{"Curl is run", "counts", "low"}},
		{"by level", sigma.LevelHigh, nil, nil, []string{"Curl is run", "counts"}},
		{"what a correlation counts comes with it", sigma.LevelCritical, nil, nil, []string{"Curl is run", "counts"}},
		{"unless it is left out", sigma.LevelCritical, nil, []string{"id:6e6f9a52-6d0e-4a43-9ac5-0f1d9d3ad001"}, []string{"counts"}},
		{"by status", 0, []string{"status:experimental"}, nil, []string{"low"}},
		{"by tag", 0, []string{"tag:attack.T1*"}, []string{"level:low"}, []string{"Curl is run"}},
		{"by path", 0, []string{"path:other/*"}, nil, []string{"low"}},
		{"one of several", 0, []string{"path:nowhere", "level:low"}, nil, []string{"low"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := run(t, simple+counts, nil)
			if err := os.Mkdir(filepath.Join(g.dir, "other"), 0o700); err != nil {
				t.Fatal(err)
			}
			g.write("other/low.yaml", low)
			g.write("other/.hidden.yml", "no rule")
			s := g.runner.Settings()
			s.Choice = live.Choice{Level: tt.level, Include: selectors(t, tt.include), Exclude: selectors(t, tt.exclude)}
			r := g.runner.Apply("test", s)
			g.wantTitles(tt.want...)
			if r.LeftOut != 3-len(tt.want) || r.Errors != 0 {
				t.Errorf("%d were left out, with %d errors", r.LeftOut, r.Errors)
			}
		})
	}
}

func selectors(t *testing.T, texts []string) (all []live.Selector) {
	t.Helper()
	for _, text := range texts {
		s, err := live.ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func TestWhatIsNoSelector(t *testing.T) {
	for text, want := range map[string]string{
		"":            "want KIND:VALUE",
		"level":       "want KIND:VALUE",
		"tags:x":      "nearest: tag",
		"level:hi":    "want informational, low",
		"status:done": "want stable, test",
	} {
		if _, err := live.ParseSelector(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestManyRulesComeInPages: each once.
func TestManyRulesComeInPages(t *testing.T) {
	g := run(t, simple, nil)
	var text strings.Builder
	for i := range 400 {
		fmt.Fprintf(&text, "---\ntitle: rule %03d\nlevel: low\nlogsource: {category: process_creation}\ndetection: {s: {Image: /%d}, condition: s}\n", i, i)
	}
	g.write("many.yml", text.String())
	g.runner.Load("test")
	if first := g.runner.Rules(0); len(first.Rules) == 401 || !first.More {
		t.Errorf("the first page has %d rules", len(first.Rules))
	}
	all := g.titles()
	if len(all) != 401 || len(slices.Compact(all)) != 401 {
		t.Errorf("%d rules", len(all))
	}
}

// TestACountGoesOnOverALoad: two of three, other rules, the third.
func TestACountGoesOnOverALoad(t *testing.T) {
	g := run(t, counting, nil)
	c, at := g.client("process"), time.Now()
	curl := func(i int) {
		g.publish(c, "events.process.lifecycle", frame.ContentEvent, userOf(started(at, uint64(i), 41, "/usr/bin/curl", "curl\x00http://x"), "ann"))
	}
	curl(1)
	curl(2)
	g.looked(2)
	g.write("more.yml", titled("more", "wget"))
	if r := g.runner.Load("test"); r.Unchanged {
		t.Fatal("nothing changed")
	}
	curl(3)
	if a := g.taken(1)[0]; a.Rule.Title != "Curl is run often" {
		t.Errorf("%+v", a)
	}
}

// TestLoadsUnderLoadLoseNothing: rules are exchanged all the time while events come, and
// each event is looked at once, with one set of rules or the other.
func TestLoadsUnderLoadLoseNothing(t *testing.T) {
	g := run(t, simple, nil)
	c := g.client("process")
	const n = 30_000
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for i := range n {
			g.publish(c, "events.process.lifecycle", frame.ContentEvent, started(time.Now(), uint64(i), 41, "/usr/bin/curl", "curl\x00http://x"))
			if i%500 == 499 { // no faster than it is looked at
				g.looked(uint64(max(i-1000, 0)))
			}
		}
	})
	longest := time.Duration(0)
	for i := range 50 {
		g.write("more.yml", titled(fmt.Sprintf("more %d", i), "wget"))
		r := g.runner.Load("test")
		if r.Unchanged {
			t.Error("nothing changed")
		}
		longest = max(longest, r.Held)
	}
	publishing.Wait()
	g.looked(n)
	g.stop()
	s, total := g.runner.Status(), uint64(0)
	for _, a := range g.alerts {
		total += a.Count
	}
	if s.Events != n || s.Lost != 0 || s.Matches != n || total != n {
		t.Errorf("of %d events %d were looked at, %d lost, %d matched, %d raised", n, s.Events, s.Lost, s.Matches, total)
	}
	t.Logf("events were held up for %v at most", longest)
}

// TestFilesAreWatched: what is new, changed and removed in a folder, in one below it that
// is new, and a folder that was not there at first.
func TestFilesAreWatched(t *testing.T) {
	late := filepath.Join(t.TempDir(), "not", "there")
	g := run(t, titled("one", "a"), func(o *live.Options) {
		o.Settings.Watch, o.Settings.Optional = true, true
		o.Settings.Paths = append(o.Settings.Paths, late)
	})
	until := func(want ...string) {
		t.Helper()
		g.eventually(fmt.Sprint(want), func() bool { return slices.Equal(g.titles(), want) })
	}
	until("one")
	g.write("rules.yml", titled("other", "a"))
	until("other")
	if err := os.Mkdir(filepath.Join(g.dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	g.write("below/new.yml", titled("new", "b"))
	until("new", "other")
	g.write("below/new.yml", titled("newer", "b"))
	until("newer", "other")
	if err := os.MkdirAll(late, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(late, "late.yml"), []byte(titled("late", "c")), 0o600); err != nil {
		t.Fatal(err)
	}
	until("late", "newer", "other")
	if err := os.RemoveAll(filepath.Join(g.dir, "below")); err != nil {
		t.Fatal(err)
	}
	until("late", "other")
	s := g.runner.Settings()
	s.Paths = []string{late}
	g.runner.Apply("test", s)
	g.wantTitles("late")
	if err := os.WriteFile(filepath.Join(late, "late.yml"), []byte(titled("later", "c")), 0o600); err != nil {
		t.Fatal(err)
	}
	until("later")
}

func TestBoundsOfCorrelationsCanChange(t *testing.T) {
	g := run(t, counting, nil)
	s := g.runner.Settings()
	s.Windows = window.Options{Age: time.Second}
	r := g.runner.Apply("test", s)
	// The rule, which only the correlation counts, is inactive with it.
	if r.Inactive != 2 || !strings.Contains(r.InactiveRules[1].Reason, "it looks back") {
		t.Errorf("%+v", r)
	}
}
