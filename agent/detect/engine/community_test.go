package engine

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/event"
)

// communityRepository names the variable with a checkout of SigmaHQ's repository, which is
// not part of this one.
const communityRepository = "SIGMA_REPOSITORY"

// recorded is an event of a Windows log.
type recorded map[string]string

func (r recorded) Field(name string) []expr.Value {
	text, ok := r[name]
	if !ok {
		return nil
	}
	if n, ok := expr.ParseNumber(text); ok && n.String() == text {
		return []expr.Value{expr.NumberValue(n)}
	}
	return []expr.Value{expr.TextValue(text)}
}

func (r recorded) Texts() (all []string) {
	for _, text := range r {
		all = append(all, text)
	}
	return all
}

// flatten adds the fields of a part of the event by the names that rules have.
func (r recorded) flatten(name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			switch key {
			case "#attributes", "System", "EventData", "UserData", "Event":
				key = name
			default:
				if name == "Provider" {
					key = "Provider_Name"
				}
			}
			r.flatten(key, x)
		}
	case []any:
		for _, x := range v {
			r.flatten(name, x)
		}
	case nil:
	case string:
		r[name] = v
		r[strings.ReplaceAll(name, " ", "")] = v // rules have both forms
	default:
		text, _ := json.Marshal(v)
		r[name] = string(text)
	}
}

// start returns the event as the start of a process, with what Linux does not have in
// labels.
func (r recorded) start(t *testing.T) event.View {
	d := event.NewDraft(event.Header{Type: event.TypeProcess, Operation: event.OpStart}, event.Origin{})
	for name, value := range r {
		if _, ok := event.FieldByName(event.TableProcess, name); !ok {
			name = "labels." + strings.ReplaceAll(name, " ", "_")
		}
		d.Set(name, value)
	}
	return parsed(t, d.Append(nil))
}

// recordedEvents reads a file of events, one JSON object after the other.
func recordedEvents(path string) (all []recorded, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for dec := json.NewDecoder(f); ; {
		var doc any
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		e := recorded{}
		e.flatten("", doc)
		all = append(all, e)
	}
}

// TestTheCommunitysRulesFireOnTheirEvents: the community keeps a real event beside some of
// its rules. Those about the start of a process are also run on the engine.
func TestTheCommunitysRulesFireOnTheirEvents(t *testing.T) {
	root := os.Getenv(communityRepository)
	if root == "" {
		t.Skipf("%s names no checkout", communityRepository)
	}
	var s sigma.Set
	for _, dir := range []string{"rules", "rules-emerging-threats", "rules-threat-hunting"} {
		s.AddPath(filepath.Join(root, dir), sigma.Options{})
	}
	s.Finish()
	rules := map[string]*sigma.Rule{}
	for _, r := range s.Rules {
		rules[r.ID] = r
	}
	ran, onEngine := 0, 0
	err := filepath.WalkDir(filepath.Join(root, "regression_data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".json" {
			return err
		}
		r := rules[strings.TrimSuffix(filepath.Base(path), ".json")]
		if r == nil {
			return nil
		}
		events, err := recordedEvents(path)
		if err != nil {
			return err
		}
		ran++
		if !slices.ContainsFunc(events, func(e recorded) bool { return r.Match(e) }) {
			t.Errorf("%s: does not match its event\n%s", r.Title, path)
		}
		if r.LogSource.Category != "process_creation" {
			return nil
		}
		onEngine++
		m := New(forWindows([]*sigma.Rule{r}), Options{}).Matcher()
		if !slices.ContainsFunc(events, func(e recorded) bool { return len(m.Match(e.start(t))) == 1 }) {
			t.Errorf("%s: the engine does not find its event\n%s", r.Title, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rules with their events, %d of them on the engine", ran, onEngine)
}

// TestTheCommunitysRulesForLinuxLoad, all of them, and names those that cannot match here.
func TestTheCommunitysRulesForLinuxLoad(t *testing.T) {
	root := os.Getenv(communityRepository)
	if root == "" {
		t.Skipf("%s names no checkout", communityRepository)
	}
	for _, dir := range []string{"rules/linux", "rules-threat-hunting/linux", "deprecated/linux"} {
		var s sigma.Set
		s.AddPath(filepath.Join(root, dir), sigma.Options{})
		s.Finish()
		for _, p := range s.Problems {
			if !p.Warning {
				t.Error(p)
			}
		}
		e := New(s.Rules, Options{})
		causes := map[Cause]int{}
		for _, i := range e.Inactive() {
			if causes[i.Cause]++; i.Cause != CauseLogFile {
				t.Logf("%s: %s", i.Rule.Title, i.Reason)
			}
		}
		t.Logf("%s: %d files, %d rules, %d active, %d for logs of services", dir, s.Files, len(s.Rules), len(e.Active()), causes[CauseLogFile])
	}
}

// TestTheEngineFindsWhatTheCommunitysRulesMean on the mix, and on starts of processes on
// Windows.
func TestTheEngineFindsWhatTheCommunitysRulesMean(t *testing.T) {
	root := os.Getenv(communityRepository)
	if root == "" {
		t.Skipf("%s names no checkout", communityRepository)
	}
	var s sigma.Set
	s.AddPath(filepath.Join(root, "rules/linux/process_creation"), sigma.Options{})
	s.AddPath(filepath.Join(root, "rules/windows/process_creation"), sigma.Options{})
	s.Finish()
	rules := forWindows(s.Rules)
	e := New(rules, Options{})
	for _, i := range e.Inactive() {
		t.Errorf("%s: %s", i.Rule.Title, i.Reason)
	}
	m, matches := e.Matcher(), 0
	for _, v := range append(ordinary(t), windowsEvents(t)...) {
		matches += compare(t, rules, m, v)
	}
	t.Logf("%d rules, %d matches", len(rules), matches)
}
