package expr

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Event is what a rule is evaluated on.
type Event interface {
	// Field returns the values of a field, none where the event does not have it.
	Field(name string) []Value

	// Texts returns the text of each value in which keywords are looked for.
	Texts() []string
}

// Value is one value of a field: a text, a number, a time or null. The zero Value
// is null.
type Value struct {
	kind   kind
	text   string
	number Number
	time   time.Time
	timed  bool
}

type kind uint8

const (
	aNull kind = iota
	aText
	aNumber
)

// TextValue returns a text.
func TextValue(s string) Value { return Value{kind: aText, text: s, timed: false}.withTime() }

// NumberValue returns a number.
func NumberValue(n Number) Value { return Value{kind: aNumber, text: n.String(), number: n} }

// TimeValue returns a time. Its text is that of RFC 3339.
func TimeValue(t time.Time) Value {
	t = t.UTC()
	return Value{kind: aText, text: t.Format(time.RFC3339Nano), time: t, timed: true}
}

// NullValue returns null.
func NullValue() Value { return Value{kind: aNull} }

func (v Value) withTime() Value {
	if t, err := time.Parse(time.RFC3339Nano, v.text); err == nil {
		v.time, v.timed = t.UTC(), true
	}
	return v
}

// Holds reports whether an expression is true of an event. It looks at each atom
// anew, in the order of the rule.
func Holds(x Expr, e Event) bool {
	switch x := x.(type) {
	case And:
		return !slices.ContainsFunc(x, func(y Expr) bool { return !Holds(y, e) })
	case Or:
		return slices.ContainsFunc(x, func(y Expr) bool { return Holds(y, e) })
	case Not:
		return !Holds(x.Expr, e)
	case *Ref:
		return Holds(x.Selection.Expr, e)
	case *Atom:
		return x.holds(e)
	}
	panic("sigma: expression of a foreign type")
}

func (a *Atom) holds(e Event) bool {
	if a.Field == "" {
		return slices.ContainsFunc(e.Texts(), func(s string) bool { return TextValue(s).meets(a.Test, e) })
	}
	values := e.Field(a.Field)
	there := slices.ContainsFunc(values, func(v Value) bool { return v.kind != aNull })
	switch t := a.Test.(type) {
	case Null:
		return len(values) == 0 || slices.ContainsFunc(values, func(v Value) bool { return v.kind == aNull })
	case Exists:
		return there == t.Want
	}
	return slices.ContainsFunc(values, func(v Value) bool { return v.kind != aNull && v.meets(a.Test, e) })
}

// meets reports whether one value that is there passes a test.
func (v Value) meets(t Test, e Event) bool {
	switch t := t.(type) {
	case Match:
		if t.Cased {
			return t.Pattern.match(v.text)
		}
		return t.Pattern.Folded().match(Fold(v.text))
	case Equal:
		if v.kind == aNumber {
			return v.number.Compare(t.Number) == 0
		}
		return v.text == t.Number.String()
	case Compare:
		n, ok := v.numeric(t.Part)
		return ok && t.Op.Holds(n.Compare(t.Number))
	case Regex:
		return t.Expr.MatchString(v.text)
	case Within:
		addr, err := netip.ParseAddr(v.text)
		return err == nil && t.Prefix.Contains(addr.Unmap().WithZone(""))
	case Same:
		return slices.ContainsFunc(e.Field(t.Field), func(w Value) bool { return w.kind != aNull && t.compare(v.text, w.text) })
	}
	panic("sigma: test of a foreign type")
}

// numeric returns the number that a value is, or the part of a time.
func (v Value) numeric(part Part) (Number, bool) {
	switch {
	case part != PartNone:
		return part.Of(v.time), v.timed
	case v.kind == aNumber:
		return v.number, true
	}
	return ParseNumber(v.text)
}

// Of returns that part of a time.
func (p Part) Of(t time.Time) Number {
	t = t.UTC()
	n := 0
	switch p {
	case PartMinute:
		n = t.Minute()
	case PartHour:
		n = t.Hour()
	case PartDay:
		n = t.Day()
	case PartWeek:
		_, n = t.ISOWeek()
	case PartMonth:
		n = int(t.Month())
	case PartYear:
		n = t.Year()
	}
	return Signed(int64(n))
}

func (s Same) compare(a, b string) bool {
	if !s.Cased {
		a, b = Fold(a), Fold(b)
	}
	switch s.How {
	case HowPrefix:
		return strings.HasPrefix(a, b)
	case HowSuffix:
		return strings.HasSuffix(a, b)
	case HowContains:
		return strings.Contains(a, b)
	}
	return a == b
}

// Text returns the value as text, and whether it is there.
func (v Value) Text() (string, bool) { return v.text, v.kind != aNull }
