package live

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/engine"
	"github.com/daemoneye/eventbus/agent/detect/rules"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
)

// loader reads and compiles rules. It keeps the last text of each file that was without a
// mistake: when a file has one later, that text stays in force as long as the agent runs,
// because a slip in an editor must not turn detection off. A file that is removed is
// gone.
//
// One goroutine at a time.
type loader struct {
	good map[string][]byte // by path
}

// loaded is the outcome of a load.
type loaded struct {
	rules  *detect.Rules
	report control.RulesReport
	print  fingerprint // of what it was made from
}

// fingerprint is the same for the same files under the same settings.
type fingerprint [sha256.Size]byte

// printOf is of all that the outcome of a load depends on.
func printOf(s *Settings, files []sigma.RuleFile) (sum fingerprint) {
	h := sha256.New()
	fmt.Fprintf(h, "%v %v %v %v %v %+v\n", s.BuiltIn, s.Withdrawn, s.Foreign, s.Choice, s.Collected, s.Windows)
	for _, name := range slices.Sorted(maps.Keys(s.Placeholders)) {
		fmt.Fprintf(h, "%q %q\n", name, s.Placeholders[name])
	}
	for _, f := range files {
		fmt.Fprintf(h, "%q %v %d\n", f.Path, f.Err, len(f.Text))
		h.Write(f.Text)
	}
	h.Sum(sum[:0])
	return sum
}

// load reads the rules of the settings and compiles them. It does not fail: what is wrong
// is in the report. It returns nil where all is as it was when last was loaded.
func (l *loader) load(s *Settings, last fingerprint) *loaded {
	began := time.Now()
	files := sigma.ReadFiles(s.Paths, s.Optional)
	x := &loaded{print: printOf(s, files)}
	if x.print == last {
		return nil
	}
	set := &sigma.Set{}
	if s.BuiltIn {
		if err := rules.AddTo(set); err != nil {
			set.Problems = append(set.Problems, &document.Problem{File: "built in", Reason: err.Error()})
		}
	}
	good, seen := map[string][]byte{}, map[string]bool{}
	for _, f := range files {
		if seen[f.Path] {
			continue // two paths lead to it
		}
		seen[f.Path] = true
		if l.add(set, &f, good, sigma.Options{Placeholders: s.Placeholders}) {
			x.report.Kept = append(x.report.Kept, f.Path)
		}
	}
	x.report.Kept = append(x.report.Kept, l.keepBelow(set, files, good, sigma.Options{Placeholders: s.Placeholders})...)
	l.good = good
	x.report.LeftOut = s.Choice.Apply(set)
	x.rules = detect.Compile(set, detect.Options{
		Engine: engine.Options{Collected: s.Collected, Withdrawn: s.Withdrawn, Foreign: s.Foreign}, Window: s.Windows,
	})
	fill(&x.report, x.rules)
	x.report.Loaded, x.report.Took = began, time.Since(began)
	return x
}

// add adds a file to the set, or the text of it that was good before: then it returns
// true.
func (l *loader) add(set *sigma.Set, f *sigma.RuleFile, good map[string][]byte, o sigma.Options) (kept bool) {
	before, known := l.good[f.Path]
	switch {
	case f.Err != nil:
		set.Unread(f.Path, f.Err)
		if !known {
			return false
		}
	case !known || bytes.Equal(before, f.Text):
		first := len(set.Problems)
		set.Add(f.Path, f.Text, o)
		if len(mistakes(set.Problems[first:])) == 0 {
			good[f.Path] = f.Text
		}
		return false
	default:
		found := mistakes(sigma.Parse(f.Path, f.Text, o).Problems)
		if len(found) == 0 {
			set.Add(f.Path, f.Text, o)
			good[f.Path] = f.Text
			return false
		}
		set.Problems = append(set.Problems, found...)
	}
	set.Add(f.Path, before, o)
	good[f.Path] = before
	return true
}

// keepBelow adds the text that was good before of files in folders that are there and cannot
// be read now, and returns their paths.
func (l *loader) keepBelow(set *sigma.Set, files []sigma.RuleFile, good map[string][]byte, o sigma.Options) (kept []string) {
	for _, f := range files {
		if f.Err == nil || errors.Is(f.Err, fs.ErrNotExist) {
			continue
		}
		for _, path := range slices.Sorted(maps.Keys(l.good)) {
			if good[path] == nil && strings.HasPrefix(path, f.Path+string(filepath.Separator)) {
				set.Add(path, l.good[path], o)
				good[path] = l.good[path]
				kept = append(kept, path)
			}
		}
	}
	return kept
}

// mistakes returns the problems of a file itself that leave a rule out. That another file
// has the same id already is none of them.
func mistakes(all []*document.Problem) []*document.Problem {
	return slices.DeleteFunc(slices.Clone(all), func(p *document.Problem) bool { return p.Warning || errors.Is(p, document.ErrDuplicate) })
}

// Apply leaves out of a set what the choice does not take, but for what a correlation
// counts that it takes. It returns how many documents that are. It comes before the set
// is compiled.
func (c *Choice) Apply(set *sigma.Set) (left int) {
	heads := map[string]*sigma.Head{}
	counted := map[string]bool{} // by id or name
	for _, r := range set.Rules {
		heads[r.ID], heads[r.Name] = &r.Head, &r.Head
	}
	members := map[*sigma.Head][]string{}
	for _, x := range set.Correlations {
		heads[x.ID], heads[x.Name] = &x.Head, &x.Head
		members[&x.Head] = x.Rules
	}
	var count func(h *sigma.Head)
	count = func(h *sigma.Head) {
		for _, name := range members[h] {
			if m := heads[name]; m != nil && name != "" && !counted[name] && !matches(c.Exclude, m) {
				counted[name] = true
				count(m)
			}
		}
	}
	for _, x := range set.Correlations {
		if c.takes(&x.Head) {
			count(&x.Head)
		}
	}
	takes := func(h *sigma.Head) bool {
		return c.takes(h) || h.ID != "" && counted[h.ID] || h.Name != "" && counted[h.Name]
	}
	before := len(set.Rules) + len(set.Correlations)
	set.Rules = slices.DeleteFunc(set.Rules, func(r *sigma.Rule) bool { return !takes(&r.Head) })
	set.Correlations = slices.DeleteFunc(set.Correlations, func(x *sigma.Correlation) bool { return !takes(&x.Head) })
	return before - len(set.Rules) - len(set.Correlations)
}

// Bounds of what a report lists.
const maxListed = 100

// fill fills in what was loaded.
func fill(report *control.RulesReport, r *detect.Rules) {
	s := r.Set
	report.Files, report.Rules, report.Correlations, report.Filters = s.Files, len(s.Rules), len(s.Correlations), len(s.Filters)
	report.Active = len(r.Engine.Active()) - len(r.Idle())
	causes := map[string]int{}
	inactive := func(h *sigma.Head, cause, reason string) {
		report.Inactive++
		causes[cause]++
		if len(report.InactiveRules) < maxListed {
			report.InactiveRules = append(report.InactiveRules, control.InactiveRule{Rule: ruleID(h), Title: h.Title, Reason: reason})
		}
	}
	for _, i := range r.Engine.Inactive() {
		inactive(&i.Rule.Head, causeNames[i.Cause], i.Reason)
	}
	for _, x := range r.Idle() {
		inactive(&x.Head, "correlation", r.Inactive(x))
	}
	for _, x := range s.Correlations {
		if reason := r.InactiveCorrelation(x); reason != "" {
			inactive(&x.Head, "correlation", reason)
		} else {
			report.Active++
		}
	}
	if len(causes) > 0 {
		report.InactiveBy = maps.Clone(causes)
	}
	for _, p := range s.Problems {
		if p.Warning {
			report.Warnings++
		} else {
			report.Errors++
		}
		if len(report.Problems) < maxListed && (!p.Warning || report.Warnings <= maxListed/2) {
			report.Problems = append(report.Problems, control.RuleProblem{
				File: p.File, Line: p.Line, Rule: p.Rule, Reason: p.Reason, Near: p.Near, Warning: p.Warning,
			})
		}
	}
}

// causeNames are why rules are inactive, in a word.
var causeNames = map[engine.Cause]string{
	engine.CauseProduct: "product", engine.CauseLogFile: "log file", engine.CauseSource: "log source",
	engine.CauseField: "field", engine.CauseStatus: "status",
}
