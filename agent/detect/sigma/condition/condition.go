package condition

import (
	"fmt"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// Read reads a condition over the selections, and notes which of them it uses. It
// returns false where the condition is wrong; the problem is noted in d then.
func Read(d *document.Reader, n *yaml.Node, selections []*expr.Selection, used map[*expr.Selection]bool) (expr.Expr, bool) {
	c := condition{document: d, node: n, text: n.Value, selections: selections, used: used}
	return c.read()
}

// The bounds of a condition, and what public rules have.
const (
	maxDepth = 64     // parentheses in each other; 3
	maxText  = 16_384 // bytes; 700
	maxRefs  = 10_000 // selections that patterns lead to; 30
)

// condition is the text of a condition that is being read. The grammar, with what
// binds least first:
//
//	or   = and { "or" and }
//	and  = not { "and" not }
//	not  = "not" not | "(" or ")" | ("1" | "any" | "all") "of" ("them" | pattern) | name
type condition struct {
	document   *document.Reader
	node       *yaml.Node
	text       string
	selections []*expr.Selection
	used       map[*expr.Selection]bool

	at    int    // where the token ends
	start int    // where it begins
	token string // empty at the end
	depth int
	refs  int // that patterns have led to
}

// conditionError leaves the descent.
type conditionError struct{ reason, near string }

func (c *condition) read() (e expr.Expr, ok bool) {
	defer func() {
		switch err := recover().(type) {
		case nil:
		case conditionError:
			place := fmt.Sprintf("condition, character %d: ", c.start+1)
			c.document.FailNear(c.node, document.ErrCondition, place+err.reason, err.near)
		default:
			panic(err)
		}
	}()
	if len(c.text) > maxText {
		c.fail(fmt.Sprintf("it has %d bytes, of at most %d", len(c.text), maxText))
	}
	c.next()
	e = c.or()
	if c.token != "" {
		c.fail("want and, or, or the end, and here is " + document.Shorten(c.token))
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
		c.document.Warn(c.node, document.ErrCondition, c.token+" is written "+word)
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

func (c *condition) or() expr.Expr {
	parts := expr.Or{c.and()}
	for c.is("or") {
		c.next()
		parts = append(parts, c.and())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func (c *condition) and() expr.Expr {
	parts := expr.And{c.not()}
	for c.is("and") {
		c.next()
		parts = append(parts, c.not())
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func (c *condition) not() expr.Expr {
	if c.depth++; c.depth > maxDepth {
		c.fail(fmt.Sprintf("more than %d parentheses or nots in each other", maxDepth))
	}
	defer func() { c.depth-- }()
	switch {
	case c.token == "":
		c.fail("want a selection, and here is the end")
	case c.is("not"):
		c.next()
		return expr.Not{Expr: c.not()}
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
	return document.Shorten(c.token)
}

// of reads what stands behind "1 of".
func (c *condition) of(quantity string, start int) expr.Expr {
	if quantity != "1" && quantity != "any" && quantity != "all" {
		c.start = start
		c.fail("want 1 of, any of or all of, and here is " + document.Shorten(quantity) + " of")
	}
	c.next()
	pattern := c.token
	if pattern == "" || pattern == "(" || pattern == ")" {
		c.fail("want them or a pattern for names, and here is " + c.here())
	}
	if c.is("them") {
		pattern = "*"
	}
	var refs []expr.Expr
	for _, s := range c.selections {
		hidden := strings.HasPrefix(s.Name, "_") && !strings.HasPrefix(pattern, "_")
		if !hidden && likeName(pattern, s.Name) {
			c.used[s] = true
			refs = append(refs, &expr.Ref{Selection: s})
		}
	}
	if len(refs) == 0 {
		panic(conditionError{"no selection is called " + document.Shorten(pattern), c.near(strings.ReplaceAll(pattern, "*", ""))})
	}
	if c.refs += len(refs); c.refs > maxRefs {
		c.fail(fmt.Sprintf("its patterns lead to more than %d selections", maxRefs))
	}
	c.next()
	switch {
	case len(refs) == 1:
		return refs[0]
	case quantity == "all":
		return expr.And(refs)
	}
	return expr.Or(refs)
}

// likeName reports whether a name matches a pattern, where * stands for any text.
func likeName(pattern, name string) bool {
	quoted := strings.NewReplacer(`\`, `\\`, `[`, `\[`, `?`, `\?`).Replace(pattern)
	ok, err := path.Match(quoted, strings.ReplaceAll(name, "/", "_"))
	return ok && err == nil
}

// name returns the selection of that name.
func (c *condition) name(name string) expr.Expr {
	for _, s := range c.selections {
		if s.Name == name {
			c.used[s] = true
			return &expr.Ref{Selection: s}
		}
	}
	if strings.Contains(name, "*") {
		panic(conditionError{document.Shorten(name) + " is a pattern for names, and needs 1 of or all of before it", ""})
	}
	panic(conditionError{"no selection is called " + document.Shorten(name), c.near(name)})
}

func (c *condition) near(name string) string {
	var names []string
	for _, s := range c.selections {
		names = append(names, s.Name)
	}
	return spelling.Nearest(name, names)
}
