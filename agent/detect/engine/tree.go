package engine

import (
	"cmp"
	"slices"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

// node is an expression of a rule over the atoms of its program.
type node struct {
	op   nodeOp
	atom int32 // or the number of a group
	kids []*node
	cost float64 // to evaluate it, about
	rare float64 // how likely it is true, about
}

type nodeOp uint8

const (
	nodeAtom  nodeOp = iota
	nodeHit          // an atom whose truth the index finds
	nodeGroup        // one of several such atoms
	nodeAnd
	nodeOr
	nodeNot
)

// leastGroup is how many atoms make a group: so many loads become one.
const leastGroup = 3

// tree returns the expression with selections in place, and without parts in each
// other of the same kind.
func (b *builder) tree(e expr.Expr) *node {
	switch e := e.(type) {
	case *expr.Ref:
		return b.tree(e.Selection.Expr)
	case expr.Not:
		return &node{op: nodeNot, kids: []*node{b.tree(e.Expr)}}
	case expr.And:
		return b.join(nodeAnd, e)
	case expr.Or:
		return b.join(nodeOr, e)
	case *expr.Atom:
		return &node{op: nodeAtom, atom: b.atomOf(e)}
	}
	panic("engine: expression of a foreign type")
}

func (b *builder) join(op nodeOp, parts []expr.Expr) *node {
	n := &node{op: op}
	for _, e := range parts {
		if k := b.tree(e); k.op == op {
			n.kids = append(n.kids, k.kids...)
		} else {
			n.kids = append(n.kids, k)
		}
	}
	if len(n.kids) == 1 {
		return n.kids[0]
	}
	return n
}

// settle makes groups, and puts the parts in the order in which they decide most for
// what they cost. It comes after the witnesses were chosen.
func (b *builder) settle(n *node) {
	for _, k := range n.kids {
		b.settle(k)
	}
	switch n.op {
	case nodeAtom:
		a := &b.atoms[n.atom]
		n.cost, n.rare = float64(a.cost), a.rare
		if a.hits {
			n.op, n.cost = nodeHit, 1
		} else if a.guards != nil {
			n.cost = 2 * float64(len(a.guards))
		}
	case nodeNot:
		n.cost, n.rare = n.kids[0].cost, 1-n.kids[0].rare
	case nodeAnd:
		n.rare = 1
		for _, k := range n.kids {
			n.cost += k.cost
			n.rare *= k.rare
		}
		sortBy(n.kids, func(k *node) float64 { return k.cost / max(1-k.rare, 1e-9) })
	case nodeOr:
		b.group(n)
		none := 1.0
		for _, k := range n.kids {
			n.cost += k.cost
			none *= 1 - k.rare
		}
		n.rare = 1 - none
		sortBy(n.kids, func(k *node) float64 { return k.cost / max(k.rare, 1e-9) })
	}
}

func sortBy(kids []*node, key func(*node) float64) {
	slices.SortStableFunc(kids, func(x, y *node) int { return cmp.Compare(key(x), key(y)) })
}

// group puts the atoms of the index together that are parts of n.
func (b *builder) group(n *node) {
	var hits, others []*node
	for _, k := range n.kids {
		if k.op == nodeHit {
			hits = append(hits, k)
		} else {
			others = append(others, k)
		}
	}
	if len(hits) < leastGroup {
		return
	}
	g := &node{op: nodeGroup, atom: int32(b.groups), cost: 1}
	b.groups++
	none := 1.0
	for _, h := range hits {
		a := &b.atoms[h.atom]
		a.groups = append(a.groups, g.atom)
		none *= 1 - h.rare
	}
	g.rare = 1 - none
	n.kids = append(others, g)
}

// witness is a set of atoms of which one is true whenever the rule matches.
type witness struct {
	atoms []int32
	rare  float64 // how likely one of them is true, about
}

// witnessOf returns the best witness of n, or of its negation. It returns nil where
// there is none: nothing that is only true where a text is not there can be found by
// looking for texts.
func (b *builder) witnessOf(n *node, negated bool) *witness {
	op := n.op
	switch {
	case op == nodeNot:
		return b.witnessOf(n.kids[0], !negated)
	case op == nodeAtom && negated:
		return nil
	case op == nodeAtom:
		return b.atomWitness(n.atom)
	case negated && op == nodeAnd:
		op = nodeOr
	case negated:
		op = nodeAnd
	}
	var best, all *witness = nil, &witness{}
	for _, k := range n.kids {
		w := b.witnessOf(k, negated)
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

func (b *builder) atomWitness(i int32) *witness {
	a := &b.atoms[i]
	switch {
	case a.hits || b.short(a):
		rare := a.rare
		if a.kind == atomContains && len(a.text) < gramSize {
			rare *= 8 // it is looked for by itself
		}
		return &witness{[]int32{i}, rare}
	case len(a.guards) > 0:
		all := &witness{}
		for _, g := range a.guards {
			w := b.atomWitness(g)
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
	return a.kind == atomContains && !a.raw && b.slots[a.slot].indexed() && len(a.text) < gramSize && a.text != ""
}
