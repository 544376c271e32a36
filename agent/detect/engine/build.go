package engine

import (
	"slices"
	"strings"

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
	always []int32 // the rules without a witness
	words  bool    // keywords are words that no number has, each looked for inside of a text
}

// compiled is a rule in a program.
type compiled struct {
	rule  *sigma.Rule
	tree  *node
	holes event.Flags // with any of them the rule has not seen everything
}

func build(table event.Table, rules []*sigma.Rule) *program {
	b := builder{table: table, byKey: map[string]int32{}}
	p := &program{table: table}
	for _, r := range rules {
		p.rules = append(p.rules, compiled{r, b.tree(r.Condition), holes(r, table)})
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
	for i := range p.rules {
		b.settle(p.rules[i].tree)
	}
	b.index()
	p.words = b.onlyWords()
	p.slots, p.atoms, p.groups = b.slots, b.atoms, b.groups
	for i := range p.slots {
		if p.slots[i].eager {
			p.eager = append(p.eager, int32(i))
		}
	}
	return p
}

// onlyWords reports whether all keywords are words inside of a text, and none of them of
// digits alone. Then they are in no number, and in an argument only if they are in the
// command line too: neither has to be read. With the community's 1,415 Windows rules, of
// which one has keywords, an event of the mix takes 4.3 us and not 5.0.
func (b *builder) onlyWords() bool {
	for i := range b.atoms {
		a := &b.atoms[i]
		if b.slots[a.slot].any && (a.kind != atomContains || strings.Trim(a.text, "0123456789") == "") {
			return false
		}
	}
	return true
}

// index makes the tables of each slot.
func (b *builder) index() {
	for i := range b.slots {
		var suffix, prefix []affixWord
		var grams []gramWord
		s := &b.slots[i]
		for j := range b.atoms {
			a := &b.atoms[j]
			if a.slot != int32(i) || !a.hits {
				continue
			}
			switch a.kind {
			case atomExact, atomSuffix:
				suffix = append(suffix, affixWord{a.text, a.kind == atomExact, int32(j)})
			case atomPrefix:
				prefix = append(prefix, affixWord{a.text, false, int32(j)})
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
