package engine

import (
	"maps"
	"math"
	"slices"
	"sort"
)

// witness is a set of atoms of which one is true whenever the rule matches.
type witness struct {
	atoms []int32
	rare  float64 // how likely one of them is true, about
}

// slots is a set of slots.
type slots map[int32]bool

// worthLook is how many candidates more an event may have for one field less that is
// looked at. A look takes some 60 ns, as does a candidate.
const worthLook = 0.5

// witnesses returns a witness of each rule, nil where there is none. A field in which
// few rules have one is left out if all of these have another one that is nearly as
// rare: on the Linux rules of the community, which need two fields of seven then,
// that saves 90 ns of 790.
func (b *builder) witnesses(rules []compiled) []*witness {
	all := make([]*witness, len(rules))
	users := map[int32][]int{}
	for i := range rules {
		all[i] = b.witnessOf(rules[i].tree, false, nil)
		if all[i] != nil {
			for slot := range all[i].slots(b) {
				users[slot] = append(users[slot], i)
			}
		}
	}
	order := slices.Sorted(maps.Keys(users))
	sort.SliceStable(order, func(i, j int) bool { return len(users[order[i]]) < len(users[order[j]]) })
	banned := slots{}
	for _, slot := range order[:max(0, len(order)-1)] {
		banned[slot] = true
		others := map[int]*witness{}
		more := 0.0
		for i, w := range all {
			if w == nil || !w.slots(b)[slot] {
				continue
			}
			o := b.witnessOf(rules[i].tree, false, banned)
			if o == nil {
				more = math.Inf(1)
				break
			}
			others[i], more = o, more+o.rare-w.rare
		}
		if more > worthLook {
			delete(banned, slot)
			continue
		}
		for i, o := range others {
			all[i] = o
		}
	}
	return all
}

// slots returns where the atoms of a witness are.
func (w *witness) slots(b *builder) slots {
	all := slots{}
	for _, i := range w.atoms {
		all[b.atoms[i].slot] = true
	}
	return all
}

// witnessOf returns the best witness of n, or of its negation. It returns nil where
// there is none: nothing that is only true where a text is not there can be found by
// looking for texts.
func (b *builder) witnessOf(n *node, negated bool, banned slots) *witness {
	op := n.op
	switch {
	case op == nodeNot:
		return b.witnessOf(n.kids[0], !negated, banned)
	case op == nodeAtom && negated:
		return nil
	case op == nodeAtom:
		return b.atomWitness(n.atom, banned)
	case negated && op == nodeAnd:
		op = nodeOr
	case negated:
		op = nodeAnd
	}
	var best, all *witness = nil, &witness{}
	for _, k := range n.kids {
		w := b.witnessOf(k, negated, banned)
		if op == nodeAnd {
			if w != nil && (best == nil || w.rare < best.rare) {
				best = w
			}
			continue
		}
		if w == nil {
			return nil
		}
		all.atoms, all.rare = append(all.atoms, w.atoms...), all.rare+w.rare
	}
	if op == nodeAnd {
		return best
	}
	return all
}

func (b *builder) atomWitness(i int32, banned slots) *witness {
	a := &b.atoms[i]
	switch {
	case banned[a.slot]:
		return nil
	case a.hits || b.short(a):
		rare := a.rare
		if a.kind == atomContains && len(a.text) < gramSize {
			rare *= 8 // it is looked for by itself
		}
		return &witness{[]int32{i}, rare}
	case len(a.guards) > 0:
		all := &witness{}
		for _, g := range a.guards {
			w := b.atomWitness(g, banned)
			if w == nil {
				return nil
			}
			all.atoms, all.rare = append(all.atoms, w.atoms...), all.rare+w.rare
		}
		return all
	}
	return nil
}

// short reports whether an atom may join the index, but looks for a text that is too
// short for it: it is looked for in each event, once that is worth it.
func (b *builder) short(a *atom) bool {
	return a.kind == atomContains && b.slots[a.slot].indexed() && len(a.text) < gramSize && a.text != ""
}

// commonWord is how likely a word is, about, that is not in the index unless it is a
// witness. Such a word, .exe or /usr/bin/, is found in many events, and few rules that have
// it are candidates of one of them: these look for it by themselves, once an event. So the
// community's 1,415 Windows rules take 4.13 us an event and not 4.48, and its Linux rules
// 0.65 and not 0.67; with 0.3 and 0.01 the Windows rules take 4.16 and 4.43.
const commonWord = 0.1

// leaveOut takes common words out of the index that are no witness.
func (b *builder) leaveOut() {
	for i := range b.atoms {
		a := &b.atoms[i]
		if a.kind == atomContains && len(a.rules) == 0 && a.rare >= commonWord && !b.slots[a.slot].any {
			a.hits = false
		}
	}
}
