package expr

import (
	"net/netip"
	"regexp"
)

// Expr is a boolean expression over atoms: And, Or, Not, *Ref or *Atom.
type Expr interface{ isExpr() }

// And is true if all of its parts are. It has at least one.
type And []Expr

// Or is true if one of its parts is. It has at least one.
type Or []Expr

// Not is true if its part is not.
type Not struct{ Expr Expr }

// Ref is a selection that a condition names.
type Ref struct{ Selection *Selection }

// Atom looks at one field in one way.
type Atom struct {
	Field string // as the rule calls it; empty: any field of the event, a keyword
	Test  Test
	Line  int
}

func (And) isExpr()   {}
func (Or) isExpr()    {}
func (Not) isExpr()   {}
func (*Ref) isExpr()  {}
func (*Atom) isExpr() {}

// Test is what an atom asks of its field: Match, Equal, Compare, Regex, Within,
// Same, Null or Exists.
type Test interface{ isTest() }

// Match asks for a text, the whole of it.
type Match struct {
	Pattern Pattern
	Cased   bool // upper and lower case differ
}

// Equal asks for a number. A field that holds text has to hold the number's text.
type Equal struct{ Number Number }

// Compare asks how a number, or a text that is one, compares with another. With a
// Part it is that part of a time.
type Compare struct {
	Op     Op
	Number Number
	Part   Part
}

// Regex asks for a text in which the expression is found.
type Regex struct{ Expr *regexp.Regexp }

// Within asks for an address in a network. An IPv4 address that is mapped to IPv6
// counts as the IPv4 address.
type Within struct{ Prefix netip.Prefix }

// Same asks how two fields compare as texts.
type Same struct {
	Field string
	How   How
	Cased bool
}

// Null asks for a field that is null or absent.
type Null struct{}

// Exists asks for a field that is there, whatever it holds, or for one that is not.
type Exists struct{ Want bool }

func (Match) isTest()   {}
func (Equal) isTest()   {}
func (Compare) isTest() {}
func (Regex) isTest()   {}
func (Within) isTest()  {}
func (Same) isTest()    {}
func (Null) isTest()    {}
func (Exists) isTest()  {}

// Op is a comparison of numbers.
type Op uint8

// The comparisons.
const (
	OpEqual Op = iota + 1
	OpLess
	OpLessEqual
	OpGreater
	OpGreaterEqual
	OpNotEqual // of correlations
)

// Holds reports whether the comparison is true of two numbers that compare so:
// negative if the first is less, as Number.Compare does.
func (o Op) Holds(c int) bool {
	switch o {
	case OpLess:
		return c < 0
	case OpLessEqual:
		return c <= 0
	case OpGreater:
		return c > 0
	case OpGreaterEqual:
		return c >= 0
	case OpNotEqual:
		return c != 0
	}
	return c == 0
}

// Part is a part of a time, in UTC.
type Part uint8

// The parts. PartNone is the whole.
const (
	PartNone Part = iota
	PartMinute
	PartHour
	PartDay
	PartWeek // of ISO 8601
	PartMonth
	PartYear
)

// How is how the text of a field compares with that of another one.
type How uint8

// The ways.
const (
	HowEqual How = iota
	HowPrefix
	HowSuffix
	HowContains
)

// Walk calls visit for each atom of e, those of the selections that it names too,
// in the order of the rule.
func Walk(e Expr, visit func(*Atom)) {
	switch e := e.(type) {
	case And:
		for _, x := range e {
			Walk(x, visit)
		}
	case Or:
		for _, x := range e {
			Walk(x, visit)
		}
	case Not:
		Walk(e.Expr, visit)
	case *Ref:
		Walk(e.Selection.Expr, visit)
	case *Atom:
		visit(e)
	}
}

// Selection is a part of a rule that has a name.
type Selection struct {
	Name string
	Line int
	Expr Expr
}
