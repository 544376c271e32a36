package sigma

import (
	"strconv"
	"strings"

	"github.com/daemoneye/eventbus/agent/spelling"
	"go.yaml.in/yaml/v3"
)

// detection reads selections and conditions.
func (p *parser) detection(n *yaml.Node, r *Body) {
	if n.Kind != yaml.MappingNode {
		p.fail(n, ErrHead, "a detection is a map, and here is a "+nodeKind(n))
		return
	}
	entries, _ := p.entries(n)
	p.body(n, entries, r)
}

// body reads the selections and conditions of a detection or of a filter.
func (p *parser) body(n *yaml.Node, entries []entry, r *Body) {
	var condition *yaml.Node
	for _, e := range entries {
		switch e.key.Value {
		case "condition":
			condition = e.value
		case "timeframe":
			p.warn(e.key, ErrSelection, "timeframe is of an older format and not used: write a correlation")
		default:
			if len(r.Selections) == maxSelections {
				p.fail(e.key, ErrLimit, "more than "+strconv.Itoa(maxSelections)+" selections")
				return
			}
			s := &Selection{Name: e.key.Value, Line: p.line(e.key)}
			r.Selections = append(r.Selections, s)
			s.Expr = p.selection(e.key, e.value)
			if p.atoms > maxAtoms {
				p.fail(e.key, ErrLimit, "the values of the rule expand to more than "+strconv.Itoa(maxAtoms))
				return
			}
		}
	}
	if condition == nil {
		near := ""
		for _, e := range entries {
			if spelling.Nearest(e.key.Value, []string{"condition"}) != "" {
				near = "condition instead of " + e.key.Value
			}
		}
		p.failNear(n, ErrCondition, "a detection has a condition, and this one has none", near)
		return
	}
	p.conditions(condition, r)
}

// selection reads a map, a list or one keyword. It returns nil where that is wrong.
func (p *parser) selection(key, n *yaml.Node) Expr {
	switch {
	case n.Kind == yaml.MappingNode:
		return p.fields(key, n)
	case n.Kind == yaml.SequenceNode:
		if len(n.Content) == 0 {
			p.fail(key, ErrSelection, "selection "+shorten(key.Value)+" is empty")
			return nil
		}
		var or Or
		for _, c := range n.Content {
			if c = p.follow(c); c == nil {
				return nil
			}
			var e Expr
			switch c.Kind {
			case yaml.MappingNode:
				e = p.fields(key, c)
			case yaml.ScalarNode:
				e = p.item(key, "", []*yaml.Node{c})
			default:
				p.fail(c, ErrSelection, "a list in a list")
			}
			or = append(or, e)
		}
		if len(or) == 1 {
			return or[0]
		}
		return or
	}
	return p.item(key, "", []*yaml.Node{n})
}

// fields reads a map of fields to values: all of them have to match.
func (p *parser) fields(key, n *yaml.Node) Expr {
	if len(n.Content) == 0 {
		p.fail(key, ErrSelection, "selection "+shorten(key.Value)+" has an empty map")
		return nil
	}
	entries, _ := p.entries(n)
	var and And
	for _, e := range entries {
		and = append(and, p.item(e.key, e.key.Value, p.values(e.value)))
	}
	if len(and) == 1 {
		return and[0]
	}
	return and
}

// values returns the values of an item. None at all is null.
func (p *parser) values(n *yaml.Node) (all []*yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	if len(n.Content) == 0 {
		return []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}}
	}
	for _, c := range n.Content {
		if c = p.follow(c); c == nil {
			return nil
		}
		all = append(all, c)
	}
	return all
}

// item reads a field with modifiers and the values behind it. It returns nil where
// that is wrong.
func (p *parser) item(key *yaml.Node, name string, nodes []*yaml.Node) Expr {
	field, rest, modified := strings.Cut(name, "|")
	it := item{node: key, field: field, parser: p}
	var apply []*modifier
	if modified {
		for word := range strings.SplitSeq(rest, "|") {
			m := modifierByName(word)
			if m == nil {
				reason := "modifier " + shorten(word) + " is not known"
				if word == "" {
					reason = "a modifier is missing behind |"
				}
				p.failNear(key, ErrModifier, reason, spelling.Nearest(word, Modifiers()))
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
	var parts []Expr
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
				p.warn(n, ErrValue, "YAML reads "+shorten(n.Value)+" as the number "+p.numberWarning+": quote it if it is a text")
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
		p.warn(key, ErrModifier, "all of one value is that value")
	case nulls > 0 && len(parts) > 1:
		p.warn(key, ErrValue, "null stands in a list: it counts as one of the values")
	}
	return it.join(parts)
}

// modified applies modifiers to a value and returns what it asks for.
func (p *parser) modified(it *item, n *yaml.Node, v value, apply []*modifier) Expr {
	it.before, it.padded = nil, false
	for i, m := range apply {
		if it.padded && (m.name == "startswith" || m.name == "endswith" || m.name == "contains") {
			p.warn(it.node, ErrModifier, apply[i-1].name+"|"+m.name+" is contains")
		}
		changed, problem := it.modify(m, v)
		if problem != "" {
			p.fail(n, ErrModifier, m.name+" "+problem)
			return nil
		}
		v = changed
		it.before = append(it.before, m.name)
	}
	if it.field == "" {
		var problem string
		if v, problem = it.keyword(v); problem != "" {
			p.fail(n, ErrSelection, problem)
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
func (it *item) join(parts []Expr) Expr {
	var e Expr = Or(parts)
	switch {
	case len(parts) == 1:
		e = parts[0]
	case it.all:
		e = And(parts)
	}
	if it.negate {
		return Not{e}
	}
	return e
}

// keyword makes of a value what is looked for in every field: a part of its text,
// unless a modifier chooses which.
func (it *item) keyword(v value) (value, string) {
	switch v = textual(v); v.kind {
	case isText:
		if !it.padded {
			v.text = v.text.before().after()
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
func (p *parser) exists(it *item, more bool, nodes []*yaml.Node) Expr {
	switch {
	case more:
		p.fail(it.node, ErrModifier, "exists stands alone")
	case it.field == "":
		p.fail(it.node, ErrModifier, "exists needs a field")
	case len(nodes) != 1 || nodes[0].Kind != yaml.ScalarNode || nodes[0].ShortTag() != "!!bool":
		p.fail(it.node, ErrValue, "exists wants true or false")
	default:
		return p.atom(nodes[0], it.field, Exists{nodes[0].Value[0]|0x20 == 't'})
	}
	return nil
}
