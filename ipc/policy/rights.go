package policy

import (
	"fmt"
	"slices"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/topic"
)

// Rights are the patterns of topics that are granted, for each operation. A pattern of a
// subscription must lie within one of Subscribe: all topics that it matches, the other
// matches too.
type Rights struct {
	Publish, Subscribe, Request, Respond []string
}

// Grant returns the grant of a peer of that name and role, with these rights and no
// others. It fails with bus.ErrPattern.
func (r Rights) Grant(name, role string) (Grant, error) {
	c, err := r.compile()
	if err != nil {
		return Grant{}, err
	}
	return Grant{Name: name, Role: role, Rights: &r, Authorize: authorize(fmt.Sprintf("%s %q", role, name), c)}, nil
}

// everything is what a grant without an Authorize means.
var everything = Rights{Publish: []string{"#"}, Subscribe: []string{"#"}, Request: []string{"#"}, Respond: []string{"#"}}

// Granted returns the rights that a client gets to know, nil for none.
func (g *Grant) Granted() *Rights {
	if g.Rights == nil && g.Authorize == nil {
		return &everything
	}
	return g.Rights
}

// add adds what other grants.
func (r *Rights) add(other *Rights) {
	for _, list := range []struct{ to, from *[]string }{
		{&r.Publish, &other.Publish}, {&r.Subscribe, &other.Subscribe}, {&r.Request, &other.Request}, {&r.Respond, &other.Respond},
	} {
		for _, pattern := range *list.from {
			if !slices.Contains(*list.to, pattern) {
				*list.to = append(*list.to, pattern)
			}
		}
	}
}

// compiled are rights made ready for use, by bus.Op.
type compiled [bus.OpRespond + 1]topic.Patterns

func (r *Rights) compile() (*compiled, error) {
	c := new(compiled)
	for op, texts := range [...][]string{
		bus.OpPublish: r.Publish, bus.OpSubscribe: r.Subscribe, bus.OpRequest: r.Request, bus.OpRespond: r.Respond,
	} {
		ps, err := topic.ParsePatterns(texts...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", bus.Op(op), err)
		}
		c[op] = ps
	}
	return c, nil
}

// authorize returns a decision that allows what all rights together grant. who stands in
// its refusals.
func authorize(who string, all ...*compiled) bus.Authorize {
	return func(op bus.Op, topic string) error {
		for _, c := range all {
			if c.grants(op, topic) {
				return nil
			}
		}
		return fmt.Errorf("%w: %s may not %s %q", bus.ErrDenied, who, op, topic)
	}
}

// grants reports whether what is asked for, a topic or a pattern, lies within one of the
// patterns.
func (c *compiled) grants(op bus.Op, asked string) bool {
	for _, p := range c[op] {
		if p.Covers(asked) {
			return true
		}
	}
	return false
}
