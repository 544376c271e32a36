package engine

import (
	"slices"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// category is a log source of Sigma, and the events that it is.
type category struct {
	name  string
	table event.Table
	ops   []event.Operation
}

// categories are the log sources that have events here. process_credentials,
// process_integrity, network_listen, network_traffic and performance are ours; the others
// are of the specification.
var categories = []category{
	{"process_creation", event.TableProcess, []event.Operation{event.OpStart}},
	{"process_termination", event.TableProcess, []event.Operation{event.OpExit}},
	{"process_credentials", event.TableProcess, []event.Operation{event.OpCredentials}},
	{"process_integrity", event.TableProcess, []event.Operation{event.OpIntegrity}},
	{"file_event", event.TableFilesystem, []event.Operation{event.OpCreate, event.OpModify, event.OpRename}},
	{"file_change", event.TableFilesystem, []event.Operation{event.OpModify, event.OpAttributes}},
	{"file_rename", event.TableFilesystem, []event.Operation{event.OpRename}},
	{"file_delete", event.TableFilesystem, []event.Operation{event.OpDelete}},
	{"file_access", event.TableFilesystem, []event.Operation{event.OpAccess}},
	{"file_bulk", event.TableFilesystem, []event.Operation{event.OpBulk}},
	{"network_connection", event.TableNetwork, []event.Operation{event.OpConnect, event.OpAccept}},
	{"dns_query", event.TableNetwork, []event.Operation{event.OpQuery}},
	{"dns", event.TableNetwork, []event.Operation{event.OpQuery}},
	{"network_listen", event.TableNetwork, []event.Operation{event.OpListen}},
	{"network_traffic", event.TableNetwork, []event.Operation{event.OpSample}},
	{"performance", event.TablePerformance, []event.Operation{event.OpSample}},
	{"performance_anomaly", event.TablePerformance, []event.Operation{event.OpAnomaly}},
}

// unmade are the log sources that no collector of the agent makes events of, and by the
// name of a table its fields that none fills. Who makes a collector do so takes them out.
var unmade = map[string][]string{
	"file_access": {},
	"filesystem":  {"file.hash.sha256"},
	"network":     {"source.domain", "destination.domain"},
}

// Supplied reports whether a collector of the agent makes events of a log source.
func Supplied(category string) bool {
	_, _, ok := EventOf(category)
	return ok && unmade[category] == nil
}

// Unfilled returns the fields of a table that no collector of the agent fills.
func Unfilled(t event.Table) []string { return unmade[t.String()] }

// Categories returns the names of the log sources that have events here.
func Categories() (names []string) {
	for _, c := range categories {
		names = append(names, c.name)
	}
	return names
}

// Cause is why a rule is inactive.
type Cause uint8

// The causes.
const (
	CauseProduct Cause = iota + 1 // it is for another system
	CauseLogFile                  // it is for a log that a service writes
	CauseSource                   // nobody collects its log source
	CauseField                    // nobody collects one of its fields
	CauseStatus                   // its author withdrew it
)

// Inactive is a rule that is valid and cannot match here, and why.
type Inactive struct {
	Rule    *sigma.Rule
	Cause   Cause
	Missing string // the log source, service or field that it lacks; empty for other causes
	Reason  string
}

// sourcesOf returns which categories a rule is for, or why none. Without a category
// it is for all of them, those in which it finds its fields.
func sourcesOf(r *sigma.Rule, o *Options) ([]category, *Inactive) {
	no := func(c Cause, missing, reason string) ([]category, *Inactive) {
		return nil, &Inactive{r, c, missing, reason}
	}
	s := r.LogSource
	switch {
	case s.Product != "" && s.Product != "linux":
		return no(CauseProduct, "", "it is for product "+s.Product)
	case s.Service != "":
		return no(CauseLogFile, s.Service, "it is for the log of service "+s.Service+", which is not collected")
	}
	all := categories
	if s.Category != "" {
		all = nil
		for _, c := range categories {
			if c.name == s.Category {
				all = []category{c}
			}
		}
		if all == nil {
			reason := "nobody collects category " + s.Category
			if near := spelling.Nearest(s.Category, Categories()); near != "" {
				reason += " (nearest: " + near + ")"
			}
			return no(CauseSource, s.Category, reason)
		}
	}
	var there []category
	for _, c := range all {
		if o.collects(c.table) && (o.Foreign || unmade[c.name] == nil) {
			there = append(there, c)
		}
	}
	switch {
	case len(there) > 0:
	case o.collects(all[0].table):
		return no(CauseSource, all[0].name, "nobody collects category "+all[0].name)
	default:
		return no(CauseSource, all[0].table.String()+" events", "no collector of "+all[0].table.String()+" events is enabled")
	}
	return there, nil
}

// missing returns a field of the rule that a table does not have in a way that can be
// compared, or that no collector fills.
func missing(r *sigma.Rule, t event.Table, o *Options) string {
	name := ""
	check := func(n string) {
		f, ok := event.FieldByName(t, n)
		if name == "" && (!ok || f.Kind() == event.KindPairs || !o.Foreign && slices.Contains(unmade[t.String()], f.Name())) {
			name = n
		}
	}
	expr.Walk(r.Condition, func(a *expr.Atom) {
		if a.Field != "" {
			check(a.Field)
		}
		if same, ok := a.Test.(expr.Same); ok {
			check(same.Field)
		}
	})
	return name
}

// noField names the field that nobody collects.
func noField(r *sigma.Rule, name string, t event.Table) *Inactive {
	var known []string
	for _, f := range t.Fields() {
		known = append(append(known, f.Name()), f.Aliases()...)
	}
	reason := "nobody collects field " + name + " of " + t.String() + " events"
	if f, ok := event.FieldByName(t, name); ok && slices.Contains(unmade[t.String()], f.Name()) {
		reason = "no collector fills field " + name + " of " + t.String() + " events"
	} else if near := spelling.Nearest(name, known); near != "" {
		reason += " (nearest: " + near + ")"
	}
	for _, f := range r.Filters {
		if names(f.Condition, name) {
			reason += ", and filter " + f.Label() + " needs it"
		}
	}
	return &Inactive{r, CauseField, name + " of " + t.String() + " events", reason}
}

// names reports whether an expression looks at a field of that name.
func names(e expr.Expr, name string) (found bool) {
	expr.Walk(e, func(a *expr.Atom) {
		same, _ := a.Test.(expr.Same)
		found = found || a.Field == name || same.Field == name
	})
	return found
}

// EventOf returns a type and operation of the events of a category, for events whose
// maker left that open.
func EventOf(name string) (event.Type, event.Operation, bool) {
	for _, c := range categories {
		if c.name == name {
			return event.Type(c.table), c.ops[0], true
		}
	}
	return 0, 0, false
}

// Concerns reports whether a rule is looked at for an event, by its log source.
func Concerns(r *sigma.Rule, v event.View) bool {
	for _, c := range categories {
		if c.table == v.Table() && slices.Contains(c.ops, v.Operation()) && (r.LogSource.Category == "" || r.LogSource.Category == c.name) {
			return true
		}
	}
	return false
}
