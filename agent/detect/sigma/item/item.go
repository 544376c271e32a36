package item

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// Reader reads the lines of selections of one document.
//
// One goroutine at a time.
type Reader struct {
	*document.Reader
	Placeholders  map[string][]string // what the modifier expand puts in their place
	Room          *Room               // for what the values expand to
	Atoms         int                 // that were made
	numberWarning string
}

// item is one line of a selection: field, modifiers and values.
type item struct {
	node   *yaml.Node // the key
	field  string
	before []string // the modifiers that change values and were applied already
	all    bool
	negate bool
	exists bool
	padded bool // contains, startswith or endswith
	reader *Reader
	near   string // the placeholder that a wrong one is most like
}

// Item reads a field with modifiers and the values behind it. It returns nil where
// that is wrong.
func (p *Reader) Item(key *yaml.Node, name string, nodes []*yaml.Node) expr.Expr {
	field, rest, modified := strings.Cut(name, "|")
	it := item{node: key, field: field, reader: p}
	var apply []*modifier
	if modified {
		for word := range strings.SplitSeq(rest, "|") {
			m := modifierByName(word)
			if m == nil {
				reason := "modifier " + document.Shorten(word) + " is not known"
				if word == "" {
					reason = "a modifier is missing behind |"
				}
				p.FailNear(key, document.ErrModifier, reason, spelling.Nearest(word, Modifiers()))
				return nil
			}
			if m.mark != nil {
				m.mark(&it)
			} else {
				apply = append(apply, m)
			}
		}
	}
	if it.exists {
		return p.exists(&it, strings.Count(rest, "|") > 0, nodes)
	}
	var parts []expr.Expr
	nulls := 0
	for _, n := range nodes {
		v, ok := p.readValue(n)
		if !ok {
			return nil
		}
		if v.kind == isNull {
			nulls++
		}
		if v.kind == isNumber && p.numberWarning != "" {
			if len(apply) == 0 && field != "" {
				p.Warn(n, document.ErrValue, "YAML reads "+document.Shorten(n.Value)+" as the number "+p.numberWarning+": quote it if it is a text")
			}
			p.numberWarning = ""
		}
		e := p.modified(&it, n, v, apply)
		if e == nil {
			return nil
		}
		parts = append(parts, e)
	}
	if len(parts) == 0 {
		return nil // a limit was noted
	}
	switch {
	case it.all && len(parts) == 1:
		p.Warn(key, document.ErrModifier, "all of one value is that value")
	case nulls > 0 && len(parts) > 1:
		p.Warn(key, document.ErrValue, "null stands in a list: it counts as one of the values")
	}
	return it.join(parts)
}

// modified applies modifiers to a value and returns what it asks for.
func (p *Reader) modified(it *item, n *yaml.Node, v value, apply []*modifier) expr.Expr {
	it.before, it.padded = nil, false
	for i, m := range apply {
		if it.padded && (m.name == "startswith" || m.name == "endswith" || m.name == "contains") {
			p.Warn(it.node, document.ErrModifier, apply[i-1].name+"|"+m.name+" is contains")
		}
		changed, problem := it.modify(m, v)
		if problem != "" {
			p.FailNear(n, document.ErrModifier, m.name+" "+problem, it.near)
			return nil
		}
		if v = changed; v.bytes() > maxVariantBytes {
			p.FailNear(n, document.ErrLimit, m.name+" gives more than "+strconv.Itoa(maxVariantBytes)+" bytes of "+document.Shorten(n.Value), "")
			return nil
		}
		it.before = append(it.before, m.name)
	}
	if it.field == "" {
		var problem string
		if v, problem = it.keyword(v); problem != "" {
			p.Fail(n, document.ErrSelection, problem)
			return nil
		}
	}
	e, ok := p.valueExpr(n, it.field, v)
	if !ok {
		return nil
	}
	return e
}

// join makes one expression of those of the values.
func (it *item) join(parts []expr.Expr) expr.Expr {
	var e expr.Expr = expr.Or(parts)
	switch {
	case len(parts) == 1:
		e = parts[0]
	case it.all:
		e = expr.And(parts)
	}
	if it.negate {
		return expr.Not{Expr: e}
	}
	return e
}

// keyword makes of a value what is looked for in every field: a part of its text,
// unless a modifier chooses which.
func (it *item) keyword(v value) (value, string) {
	switch v = textual(v); v.kind {
	case isText:
		if !it.padded {
			v.text = v.text.Before().After()
		}
	case isRegex:
	case isOptions:
		options := make([]value, len(v.options))
		for i, o := range v.options {
			var problem string
			if options[i], problem = it.keyword(o); problem != "" {
				return v, problem
			}
		}
		v.options = options
	default:
		return v, "a keyword is a text or an expression, and " + kindNames[v.kind] + " needs a field"
	}
	return v, ""
}

// exists reads an item that asks whether a field is there.
func (p *Reader) exists(it *item, more bool, nodes []*yaml.Node) expr.Expr {
	switch {
	case more:
		p.Fail(it.node, document.ErrModifier, "exists stands alone")
	case it.field == "":
		p.Fail(it.node, document.ErrModifier, "exists needs a field")
	case len(nodes) != 1 || nodes[0].Kind != yaml.ScalarNode || nodes[0].ShortTag() != "!!bool":
		p.Fail(it.node, document.ErrValue, "exists wants true or false")
	default:
		want, ok := truth(nodes[0].Value)
		if !ok {
			p.Fail(it.node, document.ErrValue, "exists wants true or false")
			return nil
		}
		if a := p.atom(nodes[0], it.field, expr.Exists{Want: want}, 0); a != nil {
			return a
		}
	}
	return nil
}
