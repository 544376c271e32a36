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
	slot int32 // of a hit or a group, if it is looked at only when a rule asks; else -1
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

// flat is a node as it is evaluated: those of all rules lie in one piece, the parts of each
// behind it.
type flat struct {
	op         nodeOp
	atom, slot int32
	end        int32 // behind its parts
}

// flatten appends n and its parts.
func (n *node) flatten(all []flat) []flat {
	i := len(all)
	all = append(all, flat{op: n.op, atom: n.atom, slot: n.slot})
	for _, k := range n.kids {
		all = k.flatten(all)
	}
	all[i].end = int32(len(all))
	return all
}

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
			n.op, n.cost, n.slot = nodeHit, 1, -1
			if !b.slots[a.slot].eager {
				n.slot, n.cost = a.slot, 50
			}
		} else if a.guards != nil {
			n.cost = 2*float64(len(a.guards)) + n.cost/4 // what is cheap and likelier to decide goes first
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

// group puts the atoms of the index together that are parts of n. Those of a slot that
// is looked at only when a rule asks are a group of their own.
func (b *builder) group(n *node) {
	bySlot := map[int32][]*node{}
	var order []int32
	var others []*node
	for _, k := range n.kids {
		if k.op != nodeHit {
			others = append(others, k)
			continue
		}
		if bySlot[k.slot] == nil {
			order = append(order, k.slot)
		}
		bySlot[k.slot] = append(bySlot[k.slot], k)
	}
	for _, slot := range order {
		hits := bySlot[slot]
		if len(hits) < leastGroup {
			others = append(others, hits...)
			continue
		}
		g := &node{op: nodeGroup, atom: int32(b.groups), slot: slot, cost: hits[0].cost}
		b.groups++
		none := 1.0
		for _, h := range hits {
			a := &b.atoms[h.atom]
			a.groups = append(a.groups, g.atom)
			none *= 1 - h.rare
		}
		g.rare = 1 - none
		others = append(others, g)
	}
	n.kids = others
}
