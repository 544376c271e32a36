package sigma

import (
	"fmt"
	"path"
	"strings"

	"github.com/daemoneye/eventbus/agent/spelling"
	"go.yaml.in/yaml/v3"
)

// conditions reads the condition, or several of them, of which one has to hold.
func (p *parser) conditions(n *yaml.Node, r *Body) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = p.values(n)
	}
	used := map[*Selection]bool{}
	var or Or
	for _, c := range nodes {
		if c.Kind != yaml.ScalarNode || isNullNode(c) {
			p.fail(c, ErrCondition, "a condition is a text")
			return
		}
		x := condition{parser: p, node: c, text: c.Value, selections: r.Selections, used: used}
		e, ok := x.read()
		if !ok {
			return
		}
		or = append(or, e)
		r.Sources = append(r.Sources, c.Value)
	}
	for _, s := range r.Selections {
		if !used[s] {
			p.add(&Problem{Line: s.Line, Reason: "selection " + shorten(s.Name) + " is not used in the condition", Kind: ErrCondition, Warning: true})
		}
	}
	if r.Condition = or; len(or) == 1 {
		r.Condition = or[0]
	}
}

// condition is the text of a condition that is being read. The grammar, with what
// binds least first:
//
//	or   = and { "or" and }
//	and  = not { "and" not }
//	not  = "not" not | "(" or ")" | ("1" | "any" | "all") "of" ("them" | pattern) | name
type condition struct {
	parser     *parser
	node       *yaml.Node
	text       string
	selections []*Selection
	used       map[*Selection]bool

	at    int    // where the token ends
	start int    // where it begins
	token string // empty at the end
	depth int
}

// conditionError leaves the descent.
type conditionError struct{ reason, near string }

func (c *condition) read() (e Expr, ok bool) {
	defer func() {
		switch err := recover().(type) {
		case nil:
		case conditionError:
			place := fmt.Sprintf("condition, character %d: ", c.start+1)
			c.parser.failNear(c.node, ErrCondition, place+err.reason, err.near)
		default:
			panic(err)
		}
	}()
	if len(c.text) > maxCondition {
		c.fail(fmt.Sprintf("it has %d bytes, of at most %d", len(c.text), maxCondition))
	}
	c.next()
	e = c.or()
	if c.token != "" {
		c.fail("want and, or, or the end, and here is " + shorten(c.token))
	}
	return e, true
}

func (c *condition) fail(reason string) { panic(conditionError{reason: reason}) }

// next reads the next token: a parenthesis, a bar, or a word up to one of these or
// a blank.
func (c *condition) next() {
	rest := strings.TrimLeft(c.text[c.at:], " \t\r\n")
	c.start = len(c.text) - len(rest)
	size := strings.IndexAny(rest, " \t\r\n()|")
	switch {
	case size < 0:
		size = len(rest)
	case size == 0:
		size = 1
	}
	c.token, c.at = rest[:size], c.start+size
	if c.token == "|" {
		c.fail("aggregation behind | is of an older format: write a correlation")
	}
}

// is reports whether the token is that word, in capitals too.
func (c *condition) is(word string) bool {
	if c.token == word {
		return true
	}
	if c.token == strings.ToUpper(word) && !c.named(c.token) {
		c.parser.warn(c.node, ErrCondition, c.token+" is written "+word)
		return true
	}
	return false
}

func (c *condition) named(name string) bool {
	for _, s := range c.selections {
		if s.Name == name {
			return true
		}
	}
	return false
}

func (c *condition) or() Expr {
	parts := Or{c.and()}
	for c.is("or") {
		c.next()
		parts = append(parts, c.and())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func (c *condition) and() Expr {
	parts := And{c.not()}
	for c.is("and") {
		c.next()
		parts = append(parts, c.not())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func (c *condition) not() Expr {
	if c.depth++; c.depth > maxDepth {
		c.fail(fmt.Sprintf("more than %d parentheses or nots in each other", maxDepth))
	}
	defer func() { c.depth-- }()
	switch {
	case c.token == "":
		c.fail("want a selection, and here is the end")
	case c.is("not"):
		c.next()
		return Not{c.not()}
	case c.token == "(":
		c.next()
		e := c.or()
		if c.token != ")" {
			c.fail("want ), and here is " + c.here())
		}
		c.next()
		return e
	case c.token == ")" || c.is("and") || c.is("or"):
		c.fail("want a selection, and here is " + c.here())
	}
	word := c.token
	before := *c
	c.next()
	if !c.is("of") {
		start := c.start
		c.start = before.start
		e := c.name(word)
		c.start = start
		return e
	}
	return c.of(strings.ToLower(word), before.start)
}

func (c *condition) here() string {
	if c.token == "" {
		return "the end"
	}
	return shorten(c.token)
}

// of reads what stands behind "1 of".
func (c *condition) of(quantity string, start int) Expr {
	if quantity != "1" && quantity != "any" && quantity != "all" {
		c.start = start
		c.fail("want 1 of, any of or all of, and here is " + shorten(quantity) + " of")
	}
	c.next()
	pattern := c.token
	if pattern == "" || pattern == "(" || pattern == ")" {
		c.fail("want them or a pattern for names, and here is " + c.here())
	}
	if c.is("them") {
		pattern = "*"
	}
	var refs []Expr
	for _, s := range c.selections {
		hidden := strings.HasPrefix(s.Name, "_") && !strings.HasPrefix(pattern, "_")
		if !hidden && likeName(pattern, s.Name) {
			c.used[s] = true
			refs = append(refs, &Ref{s})
		}
	}
	if len(refs) == 0 {
		panic(conditionError{"no selection is called " + shorten(pattern), c.near(strings.ReplaceAll(pattern, "*", ""))})
	}
	c.next()
	switch {
	case len(refs) == 1:
		return refs[0]
	case quantity == "all":
		return And(refs)
	}
	return Or(refs)
}

// likeName reports whether a name matches a pattern, where * stands for any text.
func likeName(pattern, name string) bool {
	quoted := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `?`, `\?`).Replace(pattern)
	ok, err := path.Match(quoted, strings.ReplaceAll(name, "/", "_"))
	return ok && err == nil
}

// name returns the selection of that name.
func (c *condition) name(name string) Expr {
	for _, s := range c.selections {
		if s.Name == name {
			c.used[s] = true
			return &Ref{s}
		}
	}
	if strings.Contains(name, "*") {
		panic(conditionError{shorten(name) + " is a pattern for names, and needs 1 of or all of before it", ""})
	}
	panic(conditionError{"no selection is called " + shorten(name), c.near(name)})
}

func (c *condition) near(name string) string {
	var names []string
	for _, s := range c.selections {
		names = append(names, s.Name)
	}
	return spelling.Nearest(name, names)
}
