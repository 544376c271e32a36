package engine

import (
	"slices"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// builder makes a program.
type builder struct {
	table  event.Table
	slots  []slot
	atoms  []atom
	groups int
	byKey  map[string]int32
}

// program is the rules of one log source, compiled.
type program struct {
	table  event.Table
	slots  []slot
	eager  []int32 // the slots that have a witness, and are looked at for each event
	atoms  []atom
	groups int
	rules  []compiled
	nodes  []flat        // of all rules
	always []int32       // the rules without a witness
	least  int           // bytes of a text in which a keyword can be
	rest   []event.Field // in which keywords are looked for by themselves
}

// compiled is a rule in a program.
type compiled struct {
	rule  *sigma.Rule
	tree  *node       // until it is flattened
	start int32       // of nodes
	holes event.Flags // with any of them the rule has not seen everything
}

func build(table event.Table, rules []*sigma.Rule) *program {
	b := builder{table: table, byKey: map[string]int32{}}
	p := &program{table: table}
	for _, r := range rules {
		p.rules = append(p.rules, compiled{rule: r, tree: b.tree(r.Condition), holes: holes(r, table)})
	}
	for i, w := range b.witnesses(p.rules) {
		if w == nil {
			p.always = append(p.always, int32(i))
			continue
		}
		slices.Sort(w.atoms)
		for _, at := range slices.Compact(w.atoms) {
			a := &b.atoms[at]
			a.hits = true
			a.rules = append(a.rules, int32(i))
			b.slots[a.slot].eager = true
		}
	}
	b.leaveOut()
	for i := range p.rules {
		r := &p.rules[i]
		b.settle(r.tree)
		r.start, p.nodes = int32(len(p.nodes)), r.tree.flatten(p.nodes)
		r.tree = nil
	}
	p.rest, p.least = b.shareKeywords()
	b.index()
	p.slots, p.atoms, p.groups = b.slots, b.atoms, b.groups
	for i := range p.slots {
		if p.slots[i].eager {
			p.eager = append(p.eager, int32(i))
		}
	}
	return p
}

// index makes the tables of each slot.
func (b *builder) index() {
	for i := range b.slots {
		var suffix, prefix []affixWord
		var grams []gramWord
		s := &b.slots[i]
		for j := range b.atoms {
			a := &b.atoms[j]
			if !a.hits || a.slot != int32(i) && !(s.shares && b.slots[a.slot].any) {
				continue
			}
			switch a.kind {
			case atomExact, atomSuffix:
				suffix = append(suffix, affixWord{text: a.text, whole: a.kind == atomExact, atom: int32(j)})
			case atomPrefix:
				prefix = append(prefix, affixWord{text: a.text, atom: int32(j)})
			case atomContains:
				switch {
				case a.raw:
					s.raw.add(a.text, int32(j))
				case len(a.text) < gramSize:
					s.short.add(a.text, int32(j))
				default:
					grams = append(grams, gramWord{text: a.text, atom: int32(j)})
				}
			case atomNumber:
				if s.numbers == nil {
					s.numbers = map[uint64]int32{}
				}
				n, _ := a.test.(expr.Equal).Number.Uint()
				s.numbers[n] = int32(j)
			}
		}
		s.suffix, s.prefix, s.grams = newAffixes(suffix, false), newAffixes(prefix, true), newGrams(grams)
	}
}

// holes returns the flags of a rule's fields that could not be read, or not whole.
func holes(r *sigma.Rule, t event.Table) (all event.Flags) {
	add := func(name string) {
		f := event.MustField(t, name)
		all |= f.Unread() | f.Partial()
	}
	expr.Walk(r.Condition, func(a *expr.Atom) {
		if a.Field != "" {
			add(a.Field)
		}
		if same, ok := a.Test.(expr.Same); ok {
			add(same.Field)
		}
	})
	return all
}
