package expr

import (
	"fmt"
	"strings"
)

// Finding is a part of a rule, and whether it is true of an event.
type Finding struct {
	Text   string    // the part, in words
	Holds  bool      // it is true of the event
	Values []string  // what the event has in the field, of an atom; none where it is absent
	Absent bool      // the event does not have the field
	Parts  []Finding // what it is made of
}

// Explain returns whether each part of an expression is true of an event, down to the
// atoms. It looks at all of them, also at those that do not change the result.
func Explain(x Expr, e Event) Finding {
	f := Finding{Holds: Holds(x, e)}
	parts := func(all []Expr) {
		for _, y := range all {
			f.Parts = append(f.Parts, Explain(y, e))
		}
	}
	switch x := x.(type) {
	case And:
		f.Text = "all of"
		parts(x)
	case Or:
		f.Text = "one of"
		parts(x)
	case Not:
		f.Text = "not"
		parts([]Expr{x.Expr})
	case *Ref:
		f.Text = x.Selection.Name
		parts([]Expr{x.Selection.Expr})
	case *Atom:
		f.Text = x.String()
		if x.Field == "" {
			break
		}
		values := e.Field(x.Field)
		f.Absent = len(values) == 0
		for _, v := range values {
			text, _ := v.Text()
			f.Values = append(f.Values, text)
		}
	}
	return f
}

// String returns the atom as a rule might have it.
func (a *Atom) String() string {
	field := a.Field
	switch t := a.Test.(type) {
	case Match:
		return t.describe(field)
	case Equal:
		return field + ": " + t.Number.String()
	case Compare:
		part := [...]string{"", "|minute", "|hour", "|day", "|week", "|month", "|year"}[t.Part]
		op := [...]string{"", "", "|lt", "|lte", "|gt", "|gte", "|neq"}[t.Op]
		return field + part + op + ": " + t.Number.String()
	case Regex:
		return fmt.Sprintf("%s|re: %q", field, t.Expr)
	case Within:
		return field + "|cidr: " + t.Prefix.String()
	case Same:
		how := [...]string{"", "|startswith", "|endswith", "|contains"}[t.How]
		if t.Cased {
			how += "|cased"
		}
		return field + "|fieldref" + how + ": " + t.Field
	case Null:
		return field + ": null"
	case Exists:
		return fmt.Sprintf("%s|exists: %v", field, t.Want)
	}
	return field
}

// describe writes a pattern with the modifier that makes it.
func (t Match) describe(field string) string {
	p, how := t.Pattern, ""
	first := len(p) > 1 && p[0].Wild == Many
	last := len(p) > 1 && p[len(p)-1].Wild == Many
	switch {
	case first && last && len(p) > 2:
		p, how = p[1:len(p)-1], "|contains"
	case first:
		p, how = p[1:], "|endswith"
	case last:
		p, how = p[:len(p)-1], "|startswith"
	}
	if t.Cased {
		how += "|cased"
	}
	if field == "" && how == "|contains" {
		field, how = "keyword", ""
	}
	return fmt.Sprintf("%s%s: '%s'", field, how, strings.ReplaceAll(p.String(), "'", "''"))
}
