package rules_test

import (
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/mix"
	"github.com/daemoneye/eventbus/agent/event/ecs"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/rules"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

func load(t *testing.T) *detect.Rules {
	t.Helper()
	var s sigma.Set
	if err := rules.AddTo(&s); err != nil {
		t.Fatal(err)
	}
	return detect.Compile(&s, detect.Options{Engine: engine.Options{Foreign: true}}) // look-ups of names too
}

func TestEachExampleIsAsItShouldBe(t *testing.T) {
	ran, failures := load(t).RunExamples()
	for _, f := range failures {
		t.Errorf("%s:%d: %s: %s\n%s", f.Head.File, f.Example.Line, f.Head.Title, f.Reason, f.Example.JSON)
	}
	if ran < 250 {
		t.Errorf("%d examples were run", ran)
	}
}

func TestEachRuleIsComplete(t *testing.T) {
	r := load(t)
	for _, p := range r.Set.Problems {
		t.Errorf("%v", p)
	}
	heads := []*sigma.Head{}
	for _, x := range r.Set.Rules {
		heads = append(heads, &x.Head)
		if reason := r.Inactive(x); reason != "" {
			t.Errorf("%s is inactive: %s", x.Title, reason)
		}
		want, not := 0, 0
		for _, e := range x.Examples {
			if e.Want {
				want++
			} else {
				not++
			}
		}
		if want == 0 || not == 0 {
			t.Errorf("%s has %d events that it matches and %d that it does not", x.Title, want, not)
		}
	}
	for _, x := range r.Set.Correlations {
		heads = append(heads, &x.Head)
		if reason := r.InactiveCorrelation(x); reason != "" {
			t.Errorf("%s is inactive: %s", x.Title, reason)
		}
	}
	for _, h := range heads {
		technique := false
		for _, tag := range h.Tags {
			technique = technique || strings.HasPrefix(tag, "attack.t")
		}
		if h.ID == "" || h.Description == "" || h.Author == "" || h.Status != sigma.StatusTest || !technique || len(h.FalsePositives) == 0 {
			t.Errorf("%s lacks an id, a description, an author, a status, a technique or false positives", h.Title)
		}
	}
	if len(r.Set.Rules) < 60 || len(r.Set.Correlations) < 5 {
		t.Errorf("%d rules, %d correlations", len(r.Set.Rules), len(r.Set.Correlations))
	}
}

// TestEachTacticHasRules of ATT&CK, among those that a host sees.
func TestEachTacticHasRules(t *testing.T) {
	r := load(t)
	count := map[string]int{}
	for _, x := range r.Set.Rules {
		for _, tag := range x.Tags {
			count[tag]++
		}
	}
	for _, tactic := range []string{
		"execution", "persistence", "privilege-escalation", "defense-evasion", "credential-access", "discovery", "lateral-movement", "exfiltration", "impact",
	} {
		if count["attack."+tactic] < 4 {
			t.Errorf("%s has %d rules", tactic, count["attack."+tactic])
		}
	}
}

// TestAnOrdinaryHostIsQuiet: nothing that packages, timers, cron, people, builds and
// containers do all day raises an alert.
func TestAnOrdinaryHostIsQuiet(t *testing.T) {
	events, err := mix.Events()
	if err != nil {
		t.Fatal(err)
	}
	d := load(t).Detector()
	for range 3 {
		for _, v := range events {
			for _, x := range d.Observe(v) {
				t.Errorf("%s: %s", x.Head.Title, ecs.Append(nil, v))
			}
		}
	}
}
