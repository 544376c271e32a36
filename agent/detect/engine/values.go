package engine

import (
	"strconv"
	"time"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/daemoneye/eventbus/agent/event"
)

// values are those of one field of an event, read once.
type values struct {
	loaded  uint32 // generation
	fold    uint32
	looked  uint32 // the index was looked at
	texts   [][]byte
	folded  [][]byte
	memo    *memo    // nil until there is a text that it can remember
	numbers []uint64 // of the kinds that have them, as the event does
}

// load reads a field.
func (m *Matcher) load(p *program, i int32) *values {
	x := &m.st.slots[i]
	if x.loaded != m.gen {
		x.loaded, x.texts, x.numbers = m.gen, x.texts[:0], x.numbers[:0]
		if s := &p.slots[i]; s.any {
			m.readAny(x, p)
		} else {
			m.read(x, s.field)
		}
	}
	return x
}

// folded returns the texts of a field without difference of case.
func (m *Matcher) folded(p *program, i int32) [][]byte {
	x := m.load(p, i)
	if x.fold != m.gen {
		x.fold = m.gen
		x.folded = m.foldAll(x.folded[:0], x.texts)
	}
	return x.folded
}

func (m *Matcher) foldAll(dst, texts [][]byte) [][]byte {
	for _, t := range texts {
		var folded []byte
		folded, m.buffer = fold(m.buffer, t)
		dst = append(dst, folded)
	}
	return dst
}

// read adds what a field holds.
func (m *Matcher) read(x *values, f event.Field) {
	v := m.view
	switch f.Kind() {
	case event.KindText:
		if t := v.Text(f); t != nil {
			x.texts = append(x.texts, t)
		}
	case event.KindList:
		for i := range v.Len(f) {
			x.texts = append(x.texts, v.Item(f, i))
		}
	case event.KindKey:
		start := len(m.buffer)
		if m.buffer = v.AppendKey(m.buffer, f); len(m.buffer) > start {
			x.texts = append(x.texts, m.buffer[start:len(m.buffer):len(m.buffer)])
		}
	case event.KindNumbers:
		for i := range v.Len(f) {
			if n, ok := v.ItemUint(f, i); ok {
				m.number(x, f, n)
			}
		}
	case event.KindNumber, event.KindID, event.KindTime, event.KindRatio:
		if n, ok := v.Uint(f); ok {
			m.number(x, f, n)
		}
	}
}

// number adds a number and its text.
func (m *Matcher) number(x *values, f event.Field, n uint64) {
	x.numbers = append(x.numbers, n)
	start := len(m.buffer)
	switch f.Kind() {
	case event.KindTime:
		m.buffer = timeOf(n).AppendFormat(m.buffer, time.RFC3339Nano)
	case event.KindRatio:
		m.buffer = appendRatio(m.buffer, n)
	default:
		m.buffer = strconv.AppendUint(m.buffer, n, 10)
	}
	x.texts = append(x.texts, m.buffer[start:len(m.buffer):len(m.buffer)])
}

func timeOf(n uint64) time.Time  { return time.Unix(0, int64(n)).UTC() }
func ratio(n uint64) expr.Number { return expr.Float(float64(n) / 1e6) }

// appendRatio appends the text of a share, as expr.Number.String has it.
func appendRatio(dst []byte, n uint64) []byte {
	if n%1e6 == 0 {
		return strconv.AppendUint(dst, n/1e6, 10)
	}
	return strconv.AppendFloat(dst, float64(n)/1e6, 'f', -1, 64)
}

// numberOf returns the number that a field has, as rules compare it.
func numberOf(f event.Field, n uint64) expr.Number {
	if f.Kind() == event.KindRatio {
		return ratio(n)
	}
	return expr.Uint(n)
}
