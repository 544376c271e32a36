package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/rules"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

func load(t *testing.T) *detect.Rules {
	t.Helper()
	var s sigma.Set
	if err := rules.AddTo(&s); err != nil {
		t.Fatal(err)
	}
	return detect.Compile(&s, detect.Options{})
}

func TestEachExampleIsAsItShouldBe(t *testing.T) {
	ran, failures := load(t).RunExamples()
	for _, f := range failures {
		t.Errorf("%s:%d: %s: %s\n%s", f.Rule.File, f.Example.Line, f.Rule.Title, f.Reason, f.Example.JSON)
	}
	if ran < 80 {
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
	if len(r.Set.Rules) < 20 {
		t.Errorf("%d rules", len(r.Set.Rules))
	}
}

func TestManyQuestionsInAShortTime(t *testing.T) {
	d := load(t).Detector()
	var got []string
	for i, name := range []string{"whoami", "id", "uname", "whoami", "hostname", "ss", "ls", "lsmod"} {
		e := event.Process{
			Header: event.Header{Operation: event.OpStart, WallNs: int64(i) * time.Second.Nanoseconds()},
			Actor:  event.Actor{Executable: "/usr/bin/" + name, CommandLine: name, PPID: 4711},
		}
		v, err := event.Parse(e.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range d.Observe(v) {
			got = append(got, name+": "+x.Head.Title)
		}
	}
	if len(got) != 1 || got[0] != "lsmod: Many questions about the host in a short time" {
		t.Errorf("found %q", got)
	}
}
