package engine

import (
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// Match is a rule that matches an event.
type Match struct {
	Rule *sigma.Rule

	// Incomplete is set where a field of the rule could not be read, or not all of it.
	Incomplete bool
}

// Matcher evaluates the rules of an engine, with memory of its own that it uses for
// one event after the other.
//
// One goroutine at a time.
type Matcher struct {
	engine *Engine
	states []state // of each program
	view   event.View
	out    []Match
	found  []int32 // what a search hit, the last one at the end
	buffer []byte  // folded and formatted texts of this event
	gen    uint32  // of this event and program
	st     *state  // of the program that runs
}

// state is what a program found out about an event. A stamp of another generation
// counts for nothing.
type state struct {
	atoms      []uint32 // twice the generation, and 1 if it is true
	groups     []uint32
	rules      []uint32
	candidates []int32
	slots      []values
}

// Matcher returns a new Matcher.
func (e *Engine) Matcher() *Matcher {
	m := &Matcher{engine: e, states: make([]state, len(e.programs))}
	for i, p := range e.programs {
		m.states[i] = state{
			atoms: make([]uint32, len(p.atoms)), groups: make([]uint32, p.groups), rules: make([]uint32, len(p.rules)),
			slots: make([]values, len(p.slots)),
		}
	}
	return m
}

// Match returns the rules that match the event, in no order that means something.
// The result is valid until the next call. An event of which no rule matches does
// not allocate.
func (m *Matcher) Match(v event.View) []Match {
	m.out, m.buffer, m.found, m.view = m.out[:0], m.buffer[:0], m.found[:0], v
	table, op := v.Table(), v.Operation()
	if int(table) < len(m.engine.ops) && int(op) < len(m.engine.ops[0]) {
		for _, i := range m.engine.ops[table][op] {
			m.run(m.engine.programs[i], &m.states[i])
		}
	}
	return m.out
}

func (m *Matcher) run(p *program, st *state) {
	m.next()
	m.st, st.candidates = st, st.candidates[:0]
	for _, i := range p.eager {
		m.look(p, i)
	}
	for _, i := range st.candidates {
		m.decide(p, i)
	}
	for _, i := range p.always {
		m.decide(p, i)
	}
}

// next begins a generation.
func (m *Matcher) next() {
	if m.gen++; m.gen < 1<<31 {
		return
	}
	m.gen = 1
	for i := range m.states {
		st := &m.states[i]
		clear(st.atoms)
		clear(st.groups)
		clear(st.rules)
		for j := range st.slots {
			st.slots[j].loaded, st.slots[j].fold, st.slots[j].looked = 0, 0, 0
		}
	}
}

// lookOnce looks at a slot that is not looked at for each event.
func (m *Matcher) lookOnce(p *program, i int32) {
	if x := &m.st.slots[i]; x.looked != m.gen {
		x.looked = m.gen
		m.look(p, i)
	}
}

// look finds the atoms of a slot that are true by its index.
func (m *Matcher) look(p *program, i int32) {
	s := &p.slots[i]
	if s.numbers != nil {
		for _, n := range m.load(p, i).numbers {
			if a, ok := s.numbers[n]; ok {
				m.hit(p, a)
			}
		}
		return
	}
	x := m.load(p, i)
	if !s.eager || s.kind != event.KindText || len(x.texts) == 0 {
		m.search(p, i)
		return
	}
	if x.memo == nil {
		x.memo = &memo{}
	}
	if !x.memo.awake() {
		m.search(p, i)
		return
	}
	n, known := x.memo.find(x.texts[0])
	if known {
		for _, a := range n.atom[:n.hits] {
			m.hit(p, a)
		}
		return
	}
	m.found = m.found[:0]
	m.search(p, i)
	n.keep(x.texts[0], m.found)
}

// search finds the atoms of a slot that are true in its texts.
func (m *Matcher) search(p *program, i int32) {
	s, x := &p.slots[i], &m.st.slots[i]
	if s.raw != nil {
		for _, text := range x.texts {
			s.raw.find(m, p, text)
		}
	}
	if s.grams == nil && s.short == nil && !s.mayFind(x.texts) {
		return // what is not looked for is not folded
	}
	for _, text := range m.folded(p, i) {
		if s.suffix != nil {
			s.suffix.find(m, p, text)
		}
		if s.prefix != nil {
			s.prefix.find(m, p, text)
		}
		if s.grams != nil {
			s.grams.find(m, p, text)
		}
		if s.short != nil {
			s.short.find(m, p, text)
		}
	}
}

// hit notes that an atom is true.
func (m *Matcher) hit(p *program, i int32) {
	st := m.st
	m.found = append(m.found, i)
	if st.atoms[i] == m.gen<<1|1 {
		return
	}
	st.atoms[i] = m.gen<<1 | 1
	a := &p.atoms[i]
	for _, g := range a.groups {
		st.groups[g] = m.gen
	}
	for _, r := range a.rules {
		if st.rules[r] != m.gen {
			st.rules[r] = m.gen
			st.candidates = append(st.candidates, r)
		}
	}
}

func (m *Matcher) decide(p *program, i int32) {
	if r := &p.rules[i]; m.eval(p, r.start) {
		m.out = append(m.out, Match{r.rule, m.view.Flags()&r.holes != 0})
	}
}

// eval evaluates a node.
func (m *Matcher) eval(p *program, i int32) bool {
	n := &p.nodes[i]
	switch n.op {
	case nodeHit:
		if n.slot >= 0 {
			m.lookOnce(p, n.slot)
		}
		return m.st.atoms[n.atom] == m.gen<<1|1
	case nodeGroup:
		if n.slot >= 0 {
			m.lookOnce(p, n.slot)
		}
		return m.st.groups[n.atom] == m.gen
	case nodeAtom:
		return m.atom(p, n.atom)
	case nodeNot:
		return !m.eval(p, i+1)
	case nodeAnd:
		for i++; i < n.end; i = p.nodes[i].end {
			if !m.eval(p, i) {
				return false
			}
		}
		return true
	}
	for i++; i < n.end; i = p.nodes[i].end {
		if m.eval(p, i) {
			return true
		}
	}
	return false
}

// atom returns whether an atom is true, and finds that out once an event.
func (m *Matcher) atom(p *program, i int32) bool {
	a := &p.atoms[i]
	stamp := &m.st.atoms[i]
	switch {
	case a.hits:
		if !p.slots[a.slot].eager {
			m.lookOnce(p, a.slot)
		}
		return *stamp == m.gen<<1|1
	case *stamp>>1 == m.gen:
		return *stamp&1 != 0
	}
	yes := m.guarded(p, a) && m.ask(p, a)
	*stamp = m.gen << 1
	if yes {
		*stamp |= 1
	}
	return yes
}

// guarded reports whether an atom may be true.
func (m *Matcher) guarded(p *program, a *atom) bool {
	if a.guards == nil {
		return true
	}
	for _, g := range a.guards {
		if m.atom(p, g) {
			return true
		}
	}
	return false
}
