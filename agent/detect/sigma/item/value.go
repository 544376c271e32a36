package item

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

// value is a value of a rule on its way through the modifiers, which change it
// from left to right.
type value struct {
	kind    valueKind
	text    expr.Pattern
	source  string // as the file has it
	cased   bool
	number  expr.Number
	truth   bool
	flags   string // of a regular expression: i, m, s
	prefix  netip.Prefix
	field   string // that is referred to
	how     expr.How
	op      expr.Op
	part    expr.Part
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
func (p *Reader) readValue(n *yaml.Node) (v value, ok bool) {
	v.source = n.Value
	if n.Kind != yaml.ScalarNode {
		p.Fail(n, document.ErrValue, "a value is a text, a number, true, false or null, and here is a "+document.NodeKind(n))
		return v, false
	}
	switch tag := n.ShortTag(); tag {
	case "!!str":
		v.kind, v.text = isText, expr.ParsePattern(n.Value)
	case "!!null":
		v.kind = isNull
	case "!!bool":
		v.kind = isBool
		if v.truth, ok = truth(n.Value); !ok {
			p.Fail(n, document.ErrValue, document.Shorten(n.Value)+" is not true or false")
			return v, false
		}
	case "!!int", "!!float":
		v.kind = isNumber
		if v.number, ok = p.readNumber(n); !ok {
			p.Fail(n, document.ErrValue, document.Shorten(n.Value)+" is not a number that can be compared")
			return v, false
		}
	case "!!timestamp":
		p.Fail(n, document.ErrValue, document.Shorten(n.Value)+" is a date in YAML, which Sigma does not have: quote it")
		return v, false
	default:
		p.Fail(n, document.ErrValue, "tag "+document.Shorten(tag)+" is not read")
		return v, false
	}
	return v, true
}

// readNumber reads a number. YAML takes some texts for numbers that their author
// hardly meant as such.
func (p *Reader) readNumber(n *yaml.Node) (expr.Number, bool) {
	if x, ok := expr.ParseNumber(n.Value); ok && (len(n.Value) == 1 || n.Value[0] != '0' || n.Value[1] == '.') {
		return x, true
	}
	var any any
	if err := n.Decode(&any); err != nil {
		return expr.Number{}, false
	}
	var x expr.Number
	switch i := any.(type) {
	case int:
		x = expr.Signed(int64(i))
	case int64:
		x = expr.Signed(i)
	case uint64:
		x = expr.Uint(i)
	case float64:
		if i != i || i > 1e300 || i < -1e300 {
			return expr.Number{}, false
		}
		x = expr.Float(i)
	default:
		return expr.Number{}, false
	}
	p.numberWarning = x.String()
	return x, true
}

// expr returns what a value asks of a field, when all modifiers are applied.
func (p *Reader) valueExpr(n *yaml.Node, field string, v value) (expr.Expr, bool) {
	bytes := v.bytes()
	atom := func(t expr.Test) (expr.Expr, bool) {
		a := p.atom(n, field, t, bytes)
		return a, a != nil
	}
	switch v.kind {
	case isText:
		return atom(expr.Match{Pattern: v.text, Cased: v.cased})
	case isNumber:
		return atom(expr.Equal{Number: v.number})
	case isBool:
		number := expr.Uint(0)
		if v.truth {
			number = expr.Uint(1)
		}
		word, ok := atom(expr.Match{Pattern: expr.Exactly(strconv.FormatBool(v.truth))})
		digit, ok2 := atom(expr.Equal{Number: number})
		return expr.Or{word, digit}, ok && ok2
	case isNull:
		return atom(expr.Null{})
	case isRegex:
		e, ok := p.compile(n, v)
		if !ok {
			return nil, false
		}
		return atom(expr.Regex{Expr: e})
	case isNetwork:
		return atom(expr.Within{Prefix: v.prefix})
	case isField:
		return atom(expr.Same{Field: v.field, How: v.how, Cased: v.cased})
	case isComparison:
		return atom(expr.Compare{Op: v.op, Number: v.number, Part: v.part})
	case isPart:
		return atom(expr.Compare{Op: expr.OpEqual, Number: v.number, Part: v.part})
	}
	var or expr.Or
	for _, o := range v.options {
		e, ok := p.valueExpr(n, field, o)
		if !ok {
			return nil, false
		}
		or = append(or, e)
	}
	return or, true
}

// atom makes an atom whose test has a text of so many bytes, nil where there is no room.
func (p *Reader) atom(n *yaml.Node, field string, t expr.Test, bytes int) *expr.Atom {
	if !p.Take(n, atomBytes+bytes) {
		return nil
	}
	p.Atoms++
	return &expr.Atom{Field: field, Test: t, Line: p.Line(n)}
}

// compile makes the expression, once its flags are known.
func (p *Reader) compile(n *yaml.Node, v value) (*regexp.Regexp, bool) {
	text := v.source
	if v.flags != "" {
		text = "(?" + v.flags + ")" + text
	}
	size, problem := programOf(text)
	if problem != "" {
		p.Fail(n, document.ErrValue, "regular expression "+document.Shorten(v.source)+": "+problem)
		return nil, false
	}
	if !p.Take(n, size*instructionBytes) {
		return nil, false
	}
	return regexp.MustCompile(text), true
}

// bytes is the size of the texts of a value.
func (v *value) bytes() (n int) {
	for _, x := range v.text {
		n += len(x.Text)
	}
	for i := range v.options {
		n += v.options[i].bytes()
	}
	if v.kind == isRegex {
		n += len(v.source)
	}
	return n
}

// leaves is how many values v stands for.
func (v *value) leaves() (n int) {
	if v.kind != isOptions {
		return 1
	}
	for i := range v.options {
		n += v.options[i].leaves()
	}
	return n
}

// truth reads true or false. A tag of YAML may claim any text to be one.
func truth(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}
