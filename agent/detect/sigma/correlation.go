package sigma

import (
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/daemoneye/eventbus/agent/detect/sigma/document"
	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
	"github.com/daemoneye/eventbus/agent/spelling"
)

// Correlation is a rule about matches of other rules: how many in a while, of how
// many values, or which one after the other.
type Correlation struct {
	Head
	Kind       CorrelationKind
	Rules      []string  // ids or names, as they are written
	Members    []*Member // the same, once the set is finished
	GroupBy    []string  // fields, or aliases
	Aliases    []Alias
	Span       time.Duration
	Bounds     []Bound  // all of them have to hold
	Fields     []string // of the kinds that look at values
	Percentile float64
	Generate   bool // its members raise alerts of their own, too
	Silent     bool // it raises none, because another correlation counts it
}

// Member is what a correlation counts: a rule or another correlation.
type Member struct {
	Name        string // as the correlation has it
	Rule        *Rule
	Correlation *Correlation
}

// Head returns that of the rule or the correlation.
func (m *Member) Head() *Head {
	if m.Rule != nil {
		return &m.Rule.Head
	}
	return &m.Correlation.Head
}

// Alias is a name for fields that are called differently in the rules of a
// correlation.
type Alias struct {
	Name   string
	Fields map[string]string // by name of the rule, as the correlation has it
}

// Bound is a limit of what is counted.
type Bound struct {
	Op     expr.Op
	Number expr.Number
}

// CorrelationKind is what a correlation looks at.
type CorrelationKind uint8

// The kinds.
const (
	EventCount      CorrelationKind = iota + 1 // how many
	ValueCount                                 // of how many values
	Temporal                                   // how many of the rules
	TemporalOrdered                            // how many of the rules, in their order
	ValueSum
	ValueAverage
	ValuePercentile
	ValueMedian
)

var correlationKinds = []string{
	"", "event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg", "value_percentile", "value_median",
}

// String returns the word that documents have for k.
func (k CorrelationKind) String() string { return correlationKinds[k] }

// ofValues reports whether the kind looks at values of fields.
func (k CorrelationKind) ofValues() bool {
	return k != EventCount && k != Temporal && k != TemporalOrdered
}

var correlationKeys = []string{"type", "rules", "group-by", "timespan", "condition", "aliases", "generate"}

// correlation reads what is below the key correlation.
func (p *parser) correlation(n *yaml.Node, c *Correlation) {
	if n.Kind != yaml.MappingNode {
		p.Fail(n, document.ErrHead, "a correlation is a map, and here is a "+document.NodeKind(n))
		return
	}
	entries, _ := p.Entries(n)
	var limits *yaml.Node
	for _, e := range entries {
		switch v := e.Value; e.Key.Value {
		case "type":
			if c.Kind = CorrelationKind(indexOf(correlationKinds, p.text(v))); c.Kind == 0 {
				p.FailNear(v, document.ErrHead, "correlation type "+document.Shorten(v.Value)+" is not known", spelling.Nearest(v.Value, correlationKinds[1:]))
			}
		case "rules":
			c.Rules = p.words(v)
		case "group-by":
			c.GroupBy = p.words(v)
		case "timespan":
			c.Span = p.span(v)
		case "condition":
			limits = v
		case "aliases":
			c.Aliases = p.aliases(v)
		case "generate":
			if v.ShortTag() != "!!bool" {
				p.Fail(v, document.ErrValue, "generate is true or false")
			}
			c.Generate = v.Value == "true"
		default:
			p.FailNear(e.Key, document.ErrHead, "key "+document.Shorten(e.Key.Value)+" is not known in a correlation", spelling.Nearest(e.Key.Value, correlationKeys))
		}
	}
	if p.Failed {
		return
	}
	switch {
	case c.Kind == 0:
		p.Fail(n, document.ErrHead, "a correlation has a type, and this one has none")
	case len(c.Rules) == 0:
		p.Fail(n, document.ErrHead, "a correlation has rules, and this one has none")
	case c.Span == 0:
		p.Fail(n, document.ErrHead, "a correlation has a timespan, and this one has none")
	}
	p.bounds(n, limits, c)
	p.checkAliases(n, c)
}

var spanUnits = map[byte]time.Duration{
	's': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour,
	'w': 7 * 24 * time.Hour, 'M': 30 * 24 * time.Hour, 'y': 365 * 24 * time.Hour,
}

// span reads a number and a unit.
func (p *parser) span(n *yaml.Node) time.Duration {
	text := p.text(n)
	if text != "" {
		unit := spanUnits[text[len(text)-1]]
		count, err := strconv.ParseUint(text[:len(text)-1], 10, 32)
		if err == nil && unit > 0 && count > 0 && count < uint64((1<<63-1)/unit) {
			return time.Duration(count) * unit
		}
	}
	p.Fail(n, document.ErrValue, "timespan "+document.Shorten(text)+" is not a whole number and one of s, m, h, d, w, M, y")
	return 0
}

var boundOps = []struct {
	name string
	op   expr.Op
}{{"gte", expr.OpGreaterEqual}, {"gt", expr.OpGreater}, {"lte", expr.OpLessEqual}, {"lt", expr.OpLess}, {"eq", expr.OpEqual}, {"neq", expr.OpNotEqual}}

// bounds reads the condition. Without one all rules have to match, where the kind is
// about rules.
func (p *parser) bounds(n, limits *yaml.Node, c *Correlation) {
	if limits != nil {
		if limits.Kind != yaml.MappingNode {
			p.Fail(limits, document.ErrCondition, "the condition of a correlation is a map, such as {gte: 3}")
			return
		}
		entries, _ := p.Entries(limits)
		for _, e := range entries {
			p.bound(e, c)
		}
	}
	rules := c.Kind == Temporal || c.Kind == TemporalOrdered
	if len(c.Bounds) == 0 && rules {
		c.Bounds = []Bound{{expr.OpGreaterEqual, expr.Uint(uint64(len(c.Rules)))}}
	}
	switch {
	case p.Failed:
	case len(c.Bounds) == 0:
		p.Fail(n, document.ErrCondition, c.Kind.String()+" needs a condition, such as {gte: 3}")
	case c.Kind.ofValues() && len(c.Fields) == 0:
		p.Fail(n, document.ErrCondition, c.Kind.String()+" needs a field in its condition")
	case !c.Kind.ofValues() && len(c.Fields) > 0:
		p.Fail(n, document.ErrCondition, c.Kind.String()+" looks at no field")
	case c.Kind != ValueCount && len(c.Fields) > 1:
		p.Fail(n, document.ErrCondition, c.Kind.String()+" looks at one field")
	case c.Kind == ValuePercentile && c.Percentile == 0:
		p.Fail(n, document.ErrCondition, "value_percentile needs a percentile in its condition, from 1 to 100")
	case c.Kind == ValueMedian:
		c.Percentile = 50
	}
	p.warnLow(n, c)
}

func (p *parser) bound(e document.Entry, c *Correlation) {
	names := []string{"field", "percentile"}
	for _, o := range boundOps {
		if names = append(names, o.name); o.name != e.Key.Value {
			continue
		}
		number, ok := expr.ParseNumber(e.Value.Value)
		if !ok || e.Value.Kind != yaml.ScalarNode {
			p.Fail(e.Value, document.ErrValue, o.name+" wants a number")
		}
		c.Bounds = append(c.Bounds, Bound{o.op, number})
		return
	}
	switch e.Key.Value {
	case "field":
		c.Fields = p.words(e.Value)
	case "percentile":
		f, err := strconv.ParseFloat(e.Value.Value, 64)
		if err != nil || !(f > 0 && f <= 100) {
			p.Fail(e.Value, document.ErrValue, "percentile wants a number up to 100")
		}
		c.Percentile = f
	default:
		p.FailNear(e.Key, document.ErrCondition, "key "+document.Shorten(e.Key.Value)+" is not known in the condition of a correlation", spelling.Nearest(e.Key.Value, names))
	}
}

// warnLow warns of what also holds of nothing: a correlation is evaluated when an
// event comes, and the absence of events is none.
func (p *parser) warnLow(n *yaml.Node, c *Correlation) {
	low := len(c.Bounds) > 0
	for _, b := range c.Bounds {
		low = low && b.Op.Holds(expr.Uint(0).Compare(b.Number))
	}
	if low && (c.Kind == EventCount || c.Kind == ValueCount) {
		p.Warn(n, document.ErrCondition, "the condition also holds of no event at all, and that raises no alert")
	}
}

// aliases reads names for fields.
func (p *parser) aliases(n *yaml.Node) (all []Alias) {
	if n.Kind != yaml.MappingNode {
		p.Fail(n, document.ErrHead, "aliases are a map of maps, and here is a "+document.NodeKind(n))
		return nil
	}
	entries, _ := p.Entries(n)
	for _, e := range entries {
		a := Alias{Name: e.Key.Value, Fields: map[string]string{}}
		if e.Value.Kind != yaml.MappingNode {
			p.Fail(e.Value, document.ErrHead, "an alias is a map of rules to fields, and here is a "+document.NodeKind(e.Value))
			continue
		}
		fields, _ := p.Entries(e.Value)
		for _, f := range fields {
			a.Fields[f.Key.Value] = p.text(f.Value)
		}
		all = append(all, a)
	}
	return all
}

// checkAliases holds that an alias has a field for each rule, and no other.
func (p *parser) checkAliases(n *yaml.Node, c *Correlation) {
	for _, a := range c.Aliases {
		for _, r := range c.Rules {
			if a.Fields[r] == "" {
				p.Fail(n, document.ErrReference, fmt.Sprintf("alias %s has no field for rule %s", document.Shorten(a.Name), document.Shorten(r)))
			}
		}
		if len(a.Fields) > len(c.Rules) {
			p.Fail(n, document.ErrReference, fmt.Sprintf("alias %s has fields for rules that the correlation does not name", document.Shorten(a.Name)))
		}
	}
}

// FieldOf returns the field that stands for one of GroupBy or Fields in a member.
func (c *Correlation) FieldOf(name string, m *Member) string {
	for _, a := range c.Aliases {
		if a.Name == name {
			return a.Fields[m.Name]
		}
	}
	return name
}
