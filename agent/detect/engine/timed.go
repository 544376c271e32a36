package engine

import (
	"time"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// MatchTimed is Match, and calls took with the time that each candidate takes, and with
// nil for what is left: finding the candidates. Reading the clock takes some 50 ns a
// candidate, so that it is for a sample of the events.
func (m *Matcher) MatchTimed(v event.View, took func(*sigma.Rule, time.Duration)) []Match {
	began, decided := time.Now(), time.Duration(0)
	m.out, m.buffer, m.found, m.view = m.out[:0], m.buffer[:0], m.found[:0], v
	table, op := v.Table(), v.Operation()
	if int(table) >= len(m.engine.ops) || int(op) >= len(m.engine.ops[0]) {
		return m.out
	}
	for _, i := range m.engine.ops[table][op] {
		p, st := m.engine.programs[i], &m.states[i]
		m.next()
		m.st, st.candidates = st, st.candidates[:0]
		for _, s := range p.eager {
			m.look(p, s)
		}
		for _, all := range [][]int32{st.candidates, p.always} {
			for _, c := range all {
				start := time.Now()
				m.decide(p, c)
				d := time.Since(start)
				decided += d
				took(p.rules[c].rule, d)
			}
		}
	}
	took(nil, time.Since(began)-decided)
	return m.out
}
