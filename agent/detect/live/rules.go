package live

import (
	"context"
	"log/slog"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

// emptyLoad is a load without rules.
func emptyLoad() *loaded { return &loaded{rules: detect.Compile(&sigma.Set{}, detect.Options{})} }

// Load reads the rules again, and puts them in force between two events. by names the
// caller in the log. Events go on meanwhile: they wait only for the exchange, which does
// not depend on how many rules there are (control.RulesReport.Held). A correlation that
// means the same as before keeps what it has counted. The mistakes are in the result and
// in the log.
func (r *Runner) Load(by string) control.RulesReport {
	r.loading.Lock()
	defer r.loading.Unlock()
	return r.load(by, r.Settings())
}

// Apply is Load with other settings.
func (r *Runner) Apply(by string, s Settings) control.RulesReport {
	r.loading.Lock()
	defer r.loading.Unlock()
	defer func() {
		select {
		case r.watched <- struct{}{}: // the paths may be others
		default:
		}
	}()
	return r.load(by, s)
}

// watchedPaths are the paths that a change of is a reason to load.
func (r *Runner) watchedPaths() []string {
	if s := r.Settings(); s.Watch {
		return s.Paths
	}
	return nil
}

// Settings returns the settings in force.
func (r *Runner) Settings() Settings {
	r.enter()
	defer r.mu.Unlock()
	return r.settings
}

// load is Load. loading is held.
func (r *Runner) load(by string, s Settings) control.RulesReport {
	r.enter()
	last := r.loaded.print
	r.mu.Unlock()
	next := r.loader.load(&s, last)
	var detector *detect.Detector
	if next != nil {
		detector = next.rules.Detector()
	}

	r.enter()
	began := time.Now()
	r.settings = s
	if r.loaded.report.Unchanged = next == nil; next != nil {
		detector.Inherit(r.detector)
		r.detector, r.loaded, r.costs = detector, next, costs{}
		r.loaded.report.Held = time.Since(began)
	}
	report := r.loaded.report
	r.mu.Unlock()

	r.logLoad(by, &report)
	return report
}

// Who loads rules. What is as expected of these is logged at debug.
const (
	AtStart = "start"
	ByWatch = "watch" // where nothing has changed
)

// maxLogged bounds the lines of one load in the log.
const maxLogged = 20

func (r *Runner) logLoad(by string, x *control.RulesReport) {
	logged := 0
	if by == ByWatch && x.Unchanged {
		logged = maxLogged // it was logged when it was loaded
	}
	for i := range x.Problems {
		if p := &x.Problems[i]; !p.Warning && logged < maxLogged {
			logged++
			r.o.Logger.Warn("rule not loaded", "problem", p.String())
		}
	}
	for _, file := range x.Kept {
		if logged++; logged <= maxLogged {
			r.o.Logger.Warn("rules of a file stay as they were", "file", file)
		}
	}
	level := slog.LevelInfo
	if by == AtStart && x.Errors == 0 || by == ByWatch && x.Unchanged {
		level = slog.LevelDebug
	}
	r.o.Logger.Log(context.Background(), level, "rules loaded", "by", by, "active", x.Active, "inactive", x.Inactive, "left_out", x.LeftOut, "errors", x.Errors,
		"files", x.Files, "unchanged", x.Unchanged, "took", x.Took.Round(time.Millisecond), "held", x.Held)
}

// pageBytes is how much a page has, about, but for its last rule: a message has 64 KiB at
// least.
const pageBytes = 32 << 10

// mostFilters is how many filters of a rule a page names.
const mostFilters = 20

func textsOf(all []string) (n int) {
	for _, text := range all {
		n += len(text)
	}
	return n
}

// Rules returns a page of the rules that are loaded, in the order of the files.
func (r *Runner) Rules(after int) (page control.RulesPage) {
	r.enter()
	rules := r.loaded.rules
	r.mu.Unlock()
	s, n, size := rules.Set, 0, 0
	add := func(h *sigma.Head, kind, inactive string, filters []string) {
		size += 200 + len(h.ID) + len(h.Name) + len(h.Title) + len(h.File) + len(inactive) + textsOf(h.Tags) + textsOf(filters)
		page.Rules = append(page.Rules, control.RuleInfo{
			ID: h.ID, Name: h.Name, Title: h.Title, Level: h.Level.String(), Status: h.Status.String(), Tags: h.Tags,
			File: h.File, Line: h.Line, Kind: kind, Active: inactive == "", Inactive: inactive, Filters: filters,
		})
	}
	for _, x := range s.Rules {
		if n++; n > after && size < pageBytes {
			var filters []string
			for _, f := range x.Filters[:min(len(x.Filters), mostFilters)] {
				filters = append(filters, f.Label())
			}
			add(&x.Head, "rule", rules.Inactive(x), filters)
		}
	}
	for _, x := range s.Correlations {
		if n++; n > after && size < pageBytes {
			add(&x.Head, "correlation", rules.InactiveCorrelation(x), nil)
		}
	}
	page.More = n > after+len(page.Rules) && len(page.Rules) > 0
	return page
}
