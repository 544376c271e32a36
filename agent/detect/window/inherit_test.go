package window_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/window"
)

const thrice = "type: event_count\nrules: a\ngroup-by: [User]\ntimespan: 100s\ncondition: {gte: 3}"

// TestStateOutlivesRulesThatMeanTheSame loads rules, has an event counted twice, loads
// other rules in their place, and has it counted for the third time.
func TestStateOutlivesRulesThatMeanTheSame(t *testing.T) {
	document := three() + correlation(thrice)
	filter := "\n---\ntitle: f\nlogsource: {category: process_creation}\nfilter: {rules: %s, s: {Image: zzz}, condition: not s}\n"
	for _, tt := range []struct {
		name, document string
		survives       bool
	}{
		{"the same", document, true},
		{"another rule comes first", strings.Replace(three(), "rule b", "rule d", 1) + correlation(thrice), true},
		{"a correlation of its own beside it", document + "---\n" + strings.Replace(correlation(thrice), "case", "other", 2), true},
		{"the rule that it counts is another", strings.Replace(document, "{Image: a}", "{Image: [a, b]}", 1), false},
		{"it has another bound", strings.Replace(document, "gte: 3", "gte: 2", 1), false},
		{"it has another group", strings.Replace(document, "[User]", "[Image]", 1), false},
		{"the rule has got a filter", document + fmt.Sprintf(filter, "[a]"), false},
		{"another rule has got a filter", document + fmt.Sprintf(filter, "[b]"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first, s := newBench(load(document), window.Options{}), load(tt.document)
			if len(s.Problems) > 0 {
				t.Fatal(s.Problems)
			}
			one := start(t, second(1), 0, map[string]string{"Image": "a", "User": "ann"})
			for range 2 {
				if fired := first.observe(one); len(fired) > 0 {
					t.Fatal(fired)
				}
			}
			next := newBench(s, window.Options{})
			next.correlator.Inherit(first.correlator)
			if got := len(next.observe(one)) > 0; got != tt.survives {
				t.Errorf("fired with the third event: %v, want %v; %+v", got, tt.survives, next.correlator.Stats())
			}
			if left := first.correlator.Stats(); tt.survives && left.Groups != 0 {
				t.Errorf("the first correlator still has %+v", left)
			}
		})
	}
}

func TestLossesOutliveALoad(t *testing.T) {
	first, next := counting(t, window.Options{}), counting(t, window.Options{})
	first.correlator.Lost(window.Loss{From: second(1), To: second(1)})
	next.correlator.Inherit(first.correlator)
	for i := range 3 {
		for _, f := range next.observe(start(t, second(i), 0, map[string]string{"Image": "a", "User": "ann"})) {
			if !f.Incomplete {
				t.Error("the loss before the load is forgotten")
			}
		}
	}
}

func TestALossOfOtherEventsDoesNotMatter(t *testing.T) {
	for _, tt := range []struct {
		loss window.Loss
		want bool
	}{
		{window.Loss{Type: 1, From: second(-9), To: second(1)}, true},
		{window.Loss{Type: 2, From: second(-9), To: second(1)}, false},
		{window.Loss{From: second(2), To: second(9)}, true},
		{window.Loss{From: second(3), To: second(9)}, false},
		{window.Loss{From: second(-9), To: second(-1)}, false},
	} {
		b := counting(t, window.Options{})
		b.correlator.Lost(tt.loss)
		for i := range 3 {
			for _, f := range b.observe(start(t, second(i), 0, map[string]string{"Image": "a", "User": "ann"})) {
				if f.Incomplete != tt.want {
					t.Errorf("%+v: incomplete is %v", tt.loss, f.Incomplete)
				}
			}
		}
	}
}

// TestManyLossesAreKeptInBounds: the oldest become one that reaches over all of them.
func TestManyLossesAreKeptInBounds(t *testing.T) {
	b := counting(t, window.Options{})
	for i := range 10_000 {
		b.correlator.Lost(window.Loss{Type: 1, From: second(10 * i), To: second(10*i + 1)})
	}
	incomplete := false
	for i := range 3 {
		for _, f := range b.observe(start(t, second(11+i), 0, map[string]string{"Image": "a", "User": "ann"})) {
			incomplete = f.Incomplete
		}
	}
	if !incomplete {
		t.Error("an old loss is forgotten")
	}
}

func TestAllCorrelationsTogetherAreBounded(t *testing.T) {
	other := strings.NewReplacer("case", "other", "rules: a", "rules: b").Replace(correlation(thrice))
	s := load(three() + correlation(thrice) + "---\n" + other)
	if len(s.Problems) > 0 {
		t.Fatal(s.Problems)
	}
	b := newBench(s, window.Options{All: 40_000})
	for i := range 300 {
		b.observe(start(t, second(0), 0, map[string]string{"Image": "b", "User": fmt.Sprint(i)}))
	}
	b.observe(start(t, second(0), 0, map[string]string{"Image": "a", "User": "ann"}))
	b.observe(start(t, second(0), 0, map[string]string{"Image": "a", "User": "ann"}))
	for i := range 300 {
		b.observe(start(t, second(0), 0, map[string]string{"Image": "b", "User": fmt.Sprint(i)}))
	}
	if s := b.correlator.Stats(); s.Bytes > 40_000 || s.EvictedGroups == 0 {
		t.Errorf("%+v", s)
	}
	if fired := b.observe(start(t, second(0), 0, map[string]string{"Image": "a", "User": "ann"})); len(fired) == 0 {
		t.Error("a flood in one correlation pushed out the group of another")
	}
}

func TestACorrelationThatLooksBackTooFarIsInactive(t *testing.T) {
	s := load(three() + correlation(strings.Replace(thrice, "100s", "30d", 1)))
	b := newBench(s, window.Options{})
	if got := b.correlator.Inactive(); len(got) != 1 || !strings.Contains(got[0].Reason, "it looks back 720h") {
		t.Errorf("%+v", got)
	}
}
