package sigma

import (
	"net/netip"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// value is a value of a rule on its way through the modifiers, which change it
// from left to right.
type value struct {
	kind    valueKind
	text    Pattern
	source  string // as the file has it
	cased   bool
	number  Number
	truth   bool
	flags   string // of a regular expression: i, m, s
	prefix  netip.Prefix
	field   string // that is referred to
	how     How
	op      Op
	part    Part
	options []value // one of them
}

type valueKind uint8

const (
	isText valueKind = iota
	isNumber
	isBool
	isNull
	isRegex
	isNetwork
	isField
	isComparison
	isPart
	isOptions
)

var kindNames = [...]string{
	isText: "a text", isNumber: "a number", isBool: "true or false", isNull: "null", isRegex: "a regular expression",
	isNetwork: "a network", isField: "a field", isComparison: "a comparison", isPart: "a part of a time",
}

// readValue reads a scalar.
func (p *parser) readValue(n *yaml.Node) (v value, ok bool) {
	v.source = n.Value
	if n.Kind != yaml.ScalarNode {
		p.fail(n, ErrValue, "a value is a text, a number, true, false or null, and here is a "+nodeKind(n))
		return v, false
	}
	switch tag := n.ShortTag(); tag {
	case "!!str":
		v.kind, v.text = isText, parsePattern(n.Value)
	case "!!null":
		v.kind = isNull
	case "!!bool":
		v.kind = isBool
		v.truth = n.Value[0]|0x20 == 't'
	case "!!int", "!!float":
		v.kind = isNumber
		if v.number, ok = p.readNumber(n); !ok {
			p.fail(n, ErrValue, shorten(n.Value)+" is not a number that can be compared")
			return v, false
		}
	case "!!timestamp":
		p.fail(n, ErrValue, shorten(n.Value)+" is a date in YAML, which Sigma does not have: quote it")
		return v, false
	default:
		p.fail(n, ErrValue, "tag "+shorten(tag)+" is not read")
		return v, false
	}
	return v, true
}

// readNumber reads a number. YAML takes some texts for numbers that their author
// hardly meant as such.
func (p *parser) readNumber(n *yaml.Node) (Number, bool) {
	if x, ok := ParseNumber(n.Value); ok && (len(n.Value) == 1 || n.Value[0] != '0' || n.Value[1] == '.') {
		return x, true
	}
	var any any
	if err := n.Decode(&any); err != nil {
		return Number{}, false
	}
	var x Number
	switch i := any.(type) {
	case int:
		x = whole(int64(i))
	case int64:
		x = whole(i)
	case uint64:
		x = Uint(i)
	case float64:
		if i != i || i > 1e300 || i < -1e300 {
			return Number{}, false
		}
		x = Float(i)
	default:
		return Number{}, false
	}
	p.numberWarning = x.String()
	return x, true
}

func whole(i int64) Number {
	n, _ := ParseNumber(strconv.FormatInt(i, 10))
	return n
}

// expr returns what a value asks of a field, when all modifiers are applied.
func (p *parser) valueExpr(n *yaml.Node, field string, v value) (Expr, bool) {
	atom := func(t Test) Expr { return p.atom(n, field, t) }
	switch v.kind {
	case isText:
		return atom(Match{Pattern: v.text, Cased: v.cased}), true
	case isNumber:
		return atom(Equal{v.number}), true
	case isBool:
		number := Uint(0)
		if v.truth {
			number = Uint(1)
		}
		return Or{atom(Match{Pattern: literal(strconv.FormatBool(v.truth))}), atom(Equal{number})}, true
	case isNull:
		return atom(Null{}), true
	case isRegex:
		e, ok := p.compile(n, v)
		if !ok {
			return nil, false
		}
		return atom(Regex{e}), true
	case isNetwork:
		return atom(Within{v.prefix}), true
	case isField:
		return atom(Same{Field: v.field, How: v.how, Cased: v.cased}), true
	case isComparison:
		return atom(Compare{Op: v.op, Number: v.number, Part: v.part}), true
	case isPart:
		return atom(Compare{Op: OpEqual, Number: v.number, Part: v.part}), true
	}
	var or Or
	for _, o := range v.options {
		e, ok := p.valueExpr(n, field, o)
		if !ok {
			return nil, false
		}
		or = append(or, e)
	}
	return or, true
}

func (p *parser) atom(n *yaml.Node, field string, t Test) *Atom {
	p.atoms++
	return &Atom{Field: field, Test: t, Line: p.line(n)}
}

// compile makes the expression, once its flags are known.
func (p *parser) compile(n *yaml.Node, v value) (*regexp.Regexp, bool) {
	text := v.source
	if v.flags != "" {
		text = "(?" + v.flags + ")" + text
	}
	if problem := regexProblem(text); problem != "" {
		p.fail(n, ErrValue, "regular expression "+shorten(v.source)+": "+problem)
		return nil, false
	}
	return regexp.MustCompile(text), true
}
