package sigma

import (
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma/condition"
	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// detection reads selections and conditions.
func (p *parser) detection(n *yaml.Node, r *Body) {
	if n.Kind != yaml.MappingNode {
		p.Fail(n, document.ErrHead, "a detection is a map, and here is a "+document.NodeKind(n))
		return
	}
	entries, _ := p.Entries(n)
	p.body(n, entries, r)
}

// body reads the selections and conditions of a detection or of a filter.
func (p *parser) body(n *yaml.Node, entries []document.Entry, r *Body) {
	var text *yaml.Node
	for _, e := range entries {
		switch e.Key.Value {
		case "condition":
			text = e.Value
		case "timeframe":
			p.Warn(e.Key, document.ErrSelection, "timeframe is of an older format and not used: write a correlation")
		default:
			if len(r.Selections) == maxSelections {
				p.Fail(e.Key, document.ErrLimit, "more than "+strconv.Itoa(maxSelections)+" selections")
				return
			}
			s := &expr.Selection{Name: e.Key.Value, Line: p.Line(e.Key)}
			r.Selections = append(r.Selections, s)
			s.Expr = p.selection(e.Key, e.Value)
			if p.items.Atoms > maxAtoms {
				p.Fail(e.Key, document.ErrLimit, "the values of the rule expand to more than "+strconv.Itoa(maxAtoms))
				return
			}
		}
	}
	if text == nil {
		near := ""
		for _, e := range entries {
			if spelling.Nearest(e.Key.Value, []string{"condition"}) != "" {
				near = "condition instead of " + e.Key.Value
			}
		}
		p.FailNear(n, document.ErrCondition, "a detection has a condition, and this one has none", near)
		return
	}
	p.conditions(text, r)
}

// selection reads a map, a list or one keyword. It returns nil where that is wrong.
func (p *parser) selection(key, n *yaml.Node) expr.Expr {
	switch {
	case n.Kind == yaml.MappingNode:
		return p.fields(key, n)
	case n.Kind == yaml.SequenceNode:
		if len(n.Content) == 0 {
			p.Fail(key, document.ErrSelection, "selection "+document.Shorten(key.Value)+" is empty")
			return nil
		}
		var or expr.Or
		for _, c := range n.Content {
			if c = p.Follow(c); c == nil {
				return nil
			}
			var e expr.Expr
			switch c.Kind {
			case yaml.MappingNode:
				e = p.fields(key, c)
			case yaml.ScalarNode:
				e = p.items.Item(key, "", []*yaml.Node{c})
			default:
				p.Fail(c, document.ErrSelection, "a list in a list")
			}
			or = append(or, e)
		}
		if len(or) == 1 {
			return or[0]
		}
		return or
	}
	return p.items.Item(key, "", []*yaml.Node{n})
}

// fields reads a map of fields to values: all of them have to match.
func (p *parser) fields(key, n *yaml.Node) expr.Expr {
	if len(n.Content) == 0 {
		p.Fail(key, document.ErrSelection, "selection "+document.Shorten(key.Value)+" has an empty map")
		return nil
	}
	entries, _ := p.Entries(n)
	var and expr.And
	for _, e := range entries {
		and = append(and, p.items.Item(e.Key, e.Key.Value, p.Values(e.Value)))
	}
	if len(and) == 1 {
		return and[0]
	}
	return and
}

// conditions reads the condition, or several of them, of which one has to hold.
func (p *parser) conditions(n *yaml.Node, r *Body) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = p.Values(n)
	}
	used := map[*expr.Selection]bool{}
	var or expr.Or
	for _, c := range nodes {
		if c.Kind != yaml.ScalarNode || document.IsNullNode(c) {
			p.Fail(c, document.ErrCondition, "a condition is a text")
			return
		}
		e, ok := condition.Read(p.Reader, c, r.Selections, used)
		if !ok {
			return
		}
		or = append(or, e)
		r.Sources = append(r.Sources, c.Value)
	}
	for _, s := range r.Selections {
		if !used[s] {
			p.Add(&document.Problem{Line: s.Line, Reason: "selection " + document.Shorten(s.Name) + " is not used in the condition", Kind: document.ErrCondition, Warning: true})
		}
	}
	if r.Condition = or; len(or) == 1 {
		r.Condition = or[0]
	}
	if !p.Failed {
		p.spread(n, r)
	}
}

// spread bounds what a condition leads to: it may name a large selection many times, and
// an engine has each of them in its place.
func (p *parser) spread(n *yaml.Node, r *Body) {
	sizes := map[*expr.Selection]int{}
	for _, s := range r.Selections {
		expr.Walk(s.Expr, func(*expr.Atom) { sizes[s]++ })
	}
	if total := leadsTo(r.Condition, sizes); total > maxAtoms {
		p.Fail(n, document.ErrLimit, "the condition leads to "+strconv.Itoa(total)+" values, of at most "+strconv.Itoa(maxAtoms))
	}
}

// leadsTo returns how many atoms there are below e, those of a selection each time that it
// is named.
func leadsTo(e expr.Expr, sizes map[*expr.Selection]int) (n int) {
	switch e := e.(type) {
	case expr.And:
		for _, x := range e {
			n += leadsTo(x, sizes)
		}
	case expr.Or:
		for _, x := range e {
			n += leadsTo(x, sizes)
		}
	case expr.Not:
		n = leadsTo(e.Expr, sizes)
	case *expr.Ref:
		n = sizes[e.Selection]
	}
	return n
}
