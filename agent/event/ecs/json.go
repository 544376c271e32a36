package ecs

import (
	"strconv"
	"time"

	"github.com/daemoneye/eventbus/agent/event"
)

// timeLayout is RFC 3339 with every digit, so that lines sort as text.
const timeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// unmapped is the object with the fields that no table has.
const unmapped = "unmapped"

// Append appends v as one JSON object on one line, with the names of the fields
// as they are in the table: dots part objects. What is absent is left out. A
// field that is unread but inherited is there, and daemoneye.context shows it. It
// does not allocate when dst has room.
//
// Text that is not UTF-8 has U+FFFD in the place of bad bytes, and control
// characters are escaped, so that a line may be shown on a terminal.
func Append(dst []byte, v event.View) []byte {
	j := object{b: append(dst, '{')}
	t := v.Table()
	if int(t) >= len(members) {
		t = 0
	}
	for i := range members[t] {
		j.field(v, &members[t][i])
	}
	j.extra(v)
	j.rise(0)
	return append(j.b, '}')
}

// field appends a field if it is there.
func (j *object) field(v event.View, m *member) {
	switch m.kind {
	case event.KindText:
		if text := v.Text(m.field); text != nil {
			j.member(m.path)
			if m.listed {
				j.b = append(appendQuoted(append(j.b, '['), text), ']')
			} else {
				j.b = appendQuoted(j.b, text)
			}
		}
	case event.KindList, event.KindNumbers:
		n := v.Len(m.field)
		if n == 1 && m.ancestors {
			return // no more than the parent, which stands for itself
		}
		if n > 0 {
			j.member(m.path)
			j.list(v, m, n)
		}
	case event.KindPairs:
		j.pairs(v, m)
	case event.KindKey:
		j.identity(v, m)
	default:
		if n, ok := v.Uint(m.field); ok {
			j.member(m.path)
			j.number(m.kind, n)
		}
	}
}

func (j *object) number(k event.Kind, n uint64) {
	switch k {
	case event.KindID:
		j.b = append(strconv.AppendUint(append(j.b, '"'), n, 10), '"')
	case event.KindTime:
		j.b = append(time.Unix(0, int64(n)).UTC().AppendFormat(append(j.b, '"'), timeLayout), '"')
	case event.KindRatio:
		j.b = appendRatio(j.b, n)
	default:
		j.b = strconv.AppendUint(j.b, n, 10)
	}
}

// appendRatio appends millionths as a decimal number.
func appendRatio(dst []byte, n uint64) []byte {
	const one = 1_000_000
	dst = strconv.AppendUint(dst, n/one, 10)
	rest := n % one
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.')
	for ; rest > 0; rest = rest * 10 % one {
		dst = append(dst, '0'+byte(rest*10/one))
	}
	return dst
}

func (j *object) list(v event.View, m *member, n int) {
	j.b = append(j.b, '[')
	for i := range n {
		if i > 0 {
			j.b = append(j.b, ',')
		}
		if m.kind == event.KindNumbers {
			number, _ := v.ItemUint(m.field, i)
			j.b = strconv.AppendUint(j.b, number, 10)
		} else {
			j.b = appendQuoted(j.b, v.Item(m.field, i))
		}
	}
	j.b = append(j.b, ']')
}

func (j *object) identity(v event.View, m *member) {
	var scratch [96]byte
	key := v.AppendKey(scratch[:0], m.field)
	if len(key) > 0 {
		j.member(m.path)
		j.b = append(append(append(j.b, '"'), key...), '"')
	}
}

// pairs appends an object. A name that has several values has a list; they lie
// side by side.
func (j *object) pairs(v event.View, m *member) {
	var p pairWriter
	for name, value := range v.Pairs(m.field) {
		if !p.begun {
			j.member(m.path)
		}
		p.pair(j, name, value)
	}
	p.end(j)
}

func (j *object) extra(v event.View) {
	var p pairWriter
	for name, value := range v.Extra() {
		if !p.begun {
			j.rise(0)
			j.key(unmapped)
		}
		p.pair(j, name, value)
	}
	p.end(j)
}

// pairWriter appends an object of pairs.
type pairWriter struct {
	begun   bool
	name    []byte // of the pair before
	at      int    // where its value begins in the JSON
	several bool   // it is a list
}

func (p *pairWriter) pair(j *object, name, value []byte) {
	if p.begun && string(p.name) == string(name) {
		if !p.several { // the value before becomes the first one of a list
			j.b = append(j.b, 0)
			copy(j.b[p.at+1:], j.b[p.at:])
			j.b[p.at] = '['
			p.several = true
		}
		j.b = appendQuoted(append(j.b, ','), value)
		return
	}
	p.shut(j)
	if !p.begun {
		j.b = append(j.b, '{')
		p.begun = true
	} else {
		j.b = append(j.b, ',')
	}
	j.b = append(appendQuoted(j.b, name), ':')
	p.name, p.at = name, len(j.b)
	j.b = appendQuoted(j.b, value)
}

// shut ends a list.
func (p *pairWriter) shut(j *object) {
	if p.several {
		j.b = append(j.b, ']')
		p.several = false
	}
}

func (p *pairWriter) end(j *object) {
	if p.begun {
		p.shut(j)
		j.b = append(j.b, '}')
	}
}
