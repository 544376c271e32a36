package window_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/window"
	"github.com/daemoneye/eventbus/agent/event"
)

// row is one case of testdata/correlations.yml. Its comment explains each key.
type row struct {
	Case, By, Means          string
	Correlation, More        string
	Events                   []map[string]string
	Fires                    []int
	Error, Warning, Inactive string
}

// three are the rules that the rows name.
func three() (text string) {
	for _, name := range []string{"a", "b", "c"} {
		text += "title: rule " + name + "\nid: 5f1d2b1c-0f66-4b52-9d4e-3f5e6f2f8a0" + name + "\nname: " + name +
			"\nlevel: low\nlogsource: {category: process_creation}\ndetection: {s: {Image: " + name + "}, condition: s}\n---\n"
	}
	return text
}

func correlation(body string) string {
	return "title: case\nname: case\nlevel: high\ncorrelation:\n  " + strings.ReplaceAll(body, "\n", "\n  ") + "\n"
}

func load(text string) *sigma.Set {
	var s sigma.Set
	s.Add("case.yml", []byte(text), sigma.Options{})
	s.Finish()
	return &s
}

// fataler is what both kinds of tests have.
type fataler interface {
	Helper()
	Fatal(...any)
}

// start returns a process start of names and texts.
func start(t fataler, at time.Time, flags event.Flags, fields map[string]string) event.View {
	t.Helper()
	d := event.NewDraft(event.Header{Type: event.TypeProcess, Operation: event.OpStart, Flags: flags, WallNs: at.UnixNano()}, event.Origin{})
	for name, text := range fields {
		d.Set(name, text)
	}
	v, err := event.Parse(d.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// bench is an engine and a correlator of the same rules.
type bench struct {
	matcher    *engine.Matcher
	correlator *window.Correlator
}

func newBench(s *sigma.Set, o window.Options) bench {
	e := engine.New(s.Rules, engine.Options{})
	return bench{e.Matcher(), window.New(s.Correlations, e.Tables, o)}
}

func (b bench) observe(v event.View) []window.Fired {
	var matches []window.Match
	for _, m := range b.matcher.Match(v) {
		matches = append(matches, window.Match(m))
	}
	return b.correlator.Observe(matches, v)
}

func TestEachCorrelationMeansWhatItsRowHas(t *testing.T) {
	text, err := os.ReadFile("testdata/correlations.yml")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	dec.KnownFields(true)
	if err := dec.Decode(&rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		t.Run(r.Case+" "+r.Means, func(t *testing.T) {
			doc := three()
			if r.More != "" {
				doc += r.More + "\n---\n"
			}
			s := load(doc + correlation(r.Correlation))
			problems, warnings := "", ""
			for _, p := range s.Problems {
				if p.Warning {
					warnings += p.Error() + "\n"
				} else {
					problems += p.Error() + "\n"
				}
			}
			if (r.Error == "") != (problems == "") || !strings.Contains(problems, r.Error) {
				t.Fatalf("problems:\n%s\nwant %q", problems, r.Error)
			}
			if (r.Warning == "") != (warnings == "") || !strings.Contains(warnings, r.Warning) {
				t.Errorf("warnings:\n%s\nwant %q", warnings, r.Warning)
			}
			if r.Error != "" {
				for _, c := range s.Correlations {
					if c.Title == "case" {
						t.Error("a correlation that is wrong was read")
					}
				}
				return
			}
			b := newBench(s, window.Options{})
			inactive := ""
			for _, i := range b.correlator.Inactive() {
				inactive += i.Reason
			}
			if (r.Inactive == "") != (inactive == "") || !strings.Contains(inactive, r.Inactive) {
				t.Fatalf("inactive: %q, want %q", inactive, r.Inactive)
			}
			fires := []int{}
			for i, fields := range r.Events {
				at, err := strconv.Atoi(fields["t"])
				if err != nil {
					t.Fatal(err)
				}
				delete(fields, "t")
				for _, f := range b.observe(start(t, time.Unix(1e9+int64(at), 0), 0, fields)) {
					if f.Correlation.Title == "case" {
						fires = append(fires, i)
					}
				}
			}
			if r.Inactive == "" && fmt.Sprint(fires) != fmt.Sprint(r.Fires) {
				t.Errorf("fires at %v, want %v", fires, r.Fires)
			}
		})
	}
}

// TestMembersAreSilentUnlessTheCorrelationSaysOtherwise is case 99.
func TestMembersAreSilentUnlessTheCorrelationSaysOtherwise(t *testing.T) {
	const body = "type: temporal\nrules: [a, b]\ntimespan: 10s"
	for text, want := range map[string][]bool{
		"":                  {true, true, false},
		"\ngenerate: false": {true, true, false},
		"\ngenerate: true":  {false, false, false},
	} {
		var got []bool
		for _, r := range load(three() + correlation(body+text)).Rules {
			got = append(got, r.Silent)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: silent (-want +got):\n%s", text, diff)
		}
	}
}

func counting(t testing.TB, o window.Options) bench {
	t.Helper()
	s := load(three() + correlation("type: event_count\nrules: a\ngroup-by: [User]\ntimespan: 100s\ncondition: {gte: 3}"))
	if len(s.Problems) > 0 {
		t.Fatal(s.Problems)
	}
	return newBench(s, o)
}

func second(n int) time.Time { return time.Unix(1e9+int64(n), 0).UTC() }

func TestWhatFiresHasItsMembersAndSaysWhatItMissed(t *testing.T) {
	b := counting(t, window.Options{})
	run := func(from int, flags event.Flags) (last window.Fired) {
		for i := range 3 {
			for _, f := range b.observe(start(t, second(from+i), flags, map[string]string{"Image": "a", "User": "ann", "ProcessId": strconv.Itoa(from + i)})) {
				last = f
			}
		}
		return last
	}
	first := run(0, 0)
	want := window.Fired{
		Correlation: first.Correlation, Group: []string{"ann"}, First: second(0), Last: second(2), Count: 3,
		Members: []window.Seen{{Name: "rule a", Time: second(0)}, {Name: "rule a", Time: second(1), PID: 1}, {Name: "rule a", Time: second(2), PID: 2}},
	}
	if diff := cmp.Diff(want, first, cmp.Comparer(func(a, b *sigma.Correlation) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.correlator.Lost(window.Loss{From: second(5), To: second(5)})
	if got := run(10, 0); got.Incomplete {
		t.Error("a loss before the window makes it incomplete")
	}
	b.correlator.Lost(window.Loss{From: second(21), To: second(21)})
	if got := run(20, 0); !got.Incomplete {
		t.Error("a loss in the window does not make it incomplete")
	}
	if got := run(30, event.CommandLineUnread); got.Incomplete {
		t.Error("an unread field that no rule looks at makes it incomplete")
	}
}

func TestStateIsBounded(t *testing.T) {
	flood := func(b bench, n int, user func(int) string) (fired int) {
		for i := range n {
			fired += len(b.observe(start(t, second(i/100), 0, map[string]string{"Image": "a", "User": user(i)})))
		}
		return fired
	}
	unique := func(i int) string { return fmt.Sprintf("user %d", i) }

	b := counting(t, window.Options{Groups: 50})
	flood(b, 200, unique)
	if s := b.correlator.Stats(); s.Groups != 50 || s.EvictedGroups != 150 {
		t.Errorf("with at most 50 groups: %+v", s)
	}
	if fired := flood(b, 3, func(int) string { return "user 199" }); fired != 1 {
		t.Error("the group that was used last is gone")
	}

	b = counting(t, window.Options{Bytes: 20_000})
	flood(b, 500, unique)
	if s := b.correlator.Stats(); s.Bytes > 20_000 || s.Groups < 10 || s.EvictedGroups == 0 {
		t.Errorf("with at most 20,000 bytes: %+v", s)
	}

	// The same groups take more where a correlation is over more rules.
	bytes := func(rules string) int64 {
		s := load(three() + correlation("type: event_count\nrules: "+rules+"\ngroup-by: [User]\ntimespan: 100s\ncondition: {gte: 3}"))
		b := newBench(s, window.Options{})
		flood(b, 10, unique)
		return int64(b.correlator.Stats().Bytes)
	}
	if one, three := bytes("[a]"), bytes("[a, b, c]"); three-one < 10*2*8 {
		t.Errorf("ten groups over one rule take %d bytes, over three %d", one, three)
	}

	s := load(three() + correlation("type: value_count\nrules: a\ntimespan: 100s\ncondition: {field: User, gte: 20}"))
	b = newBench(s, window.Options{Entries: 30})
	if fired := flood(b, 100, func(i int) string { return strconv.Itoa(i % 5) }); fired != 0 {
		t.Error("five values are twenty")
	}
	if s := b.correlator.Stats(); s.Entries != 30 || s.EvictedEntries != 70 {
		t.Errorf("with at most 30 entries: %+v", s)
	}

	b = counting(t, window.Options{})
	flood(b, 100, unique)
	b.correlator.Expire(second(50))
	if s := b.correlator.Stats(); s.Groups != 100 {
		t.Errorf("within the window: %+v", s)
	}
	b.correlator.Expire(second(500))
	if s := b.correlator.Stats(); s.Groups != 0 || s.Bytes != 0 || s.Entries != 0 {
		t.Errorf("past the window: %+v", s)
	}
}

func TestWhatDoesNotCountIsCounted(t *testing.T) {
	s := load(three() + correlation("type: value_sum\nrules: a\ngroup-by: [User]\ntimespan: 100s\ncondition: {field: ParentImage, gte: 5}"))
	b := newBench(s, window.Options{})
	for _, fields := range []map[string]string{
		{"Image": "a", "ParentImage": "9"},
		{"Image": "a", "User": "x"},
		{"Image": "a", "User": "x", "ParentImage": "no number"},
		{"Image": "a", "User": "x", "ParentImage": "3"},
	} {
		b.observe(start(t, second(0), 0, fields))
	}
	got := b.correlator.Stats()
	if got.Ungrouped != 1 || got.Valueless != 2 || got.Groups != 1 || got.Fired != 0 {
		t.Errorf("%+v", got)
	}
}
