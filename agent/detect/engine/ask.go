package engine

import (
	"bytes"
	"net/netip"
	"time"
	"unsafe"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/daemoneye/eventbus/agent/event"
)

// ask finds out whether an atom is true, without the index.
func (m *Matcher) ask(p *program, a *atom) bool {
	field := p.slots[a.slot].field
	x := m.load(p, a.slot)
	switch a.kind {
	case atomNull:
		return len(x.texts) == 0
	case atomExists:
		return (len(x.texts) > 0) == a.test.(expr.Exists).Want
	case atomThere:
		return len(x.texts) > 0
	case atomNumber:
		want := a.test.(expr.Equal).Number
		for _, n := range x.numbers {
			if field.Kind() == event.KindTime {
				continue // a time is no number
			}
			if numberOf(field, n).Compare(want) == 0 {
				return true
			}
		}
		return false
	case atomCompare:
		return m.compare(a.test.(expr.Compare), field, x)
	case atomSame:
		return m.same(p, a)
	}
	texts := x.texts
	if !a.raw {
		texts = m.folded(p, a.slot)
	}
	for _, text := range texts {
		if a.meets(text) {
			return true
		}
	}
	return false
}

// meets reports whether one text passes the atom.
func (a *atom) meets(text []byte) bool {
	switch a.kind {
	case atomExact:
		return string(text) == a.text
	case atomPrefix:
		return len(text) >= len(a.text) && string(text[:len(a.text)]) == a.text
	case atomSuffix:
		return len(text) >= len(a.text) && string(text[len(text)-len(a.text):]) == a.text
	case atomContains:
		return contains(text, a.text)
	case atomGlob:
		return a.glob.match(text)
	case atomThere:
		return true
	case atomRegex:
		return a.runs.may(text) && a.test.(expr.Regex).Expr.Match(text)
	case atomWithin:
		return within(a.test.(expr.Within).Prefix, text)
	}
	return false
}

// contains is bytes.Contains of a text that is not copied.
func contains(text []byte, word string) bool {
	return bytes.Contains(text, unsafe.Slice(unsafe.StringData(word), len(word)))
}

// within parses an address without copying it. The text lives as long as the call.
func within(prefix netip.Prefix, text []byte) bool {
	if !likeAddress(text) {
		return false // a parser's error would be memory for each event
	}
	addr, err := netip.ParseAddr(unsafe.String(&text[0], len(text)))
	return err == nil && prefix.Contains(addr.Unmap().WithZone(""))
}

// likeAddress reports whether a text has the letters of an address, up to a zone.
func likeAddress(text []byte) bool {
	const longest = 64 // an IPv6 address with a zone
	for i, c := range text {
		switch {
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' || c == '.' || c == ':':
		default:
			return c == '%' && i > 0 && len(text) <= longest
		}
	}
	return len(text) > 0 && len(text) <= longest
}

func (m *Matcher) compare(c expr.Compare, f event.Field, x *values) bool {
	holds := func(n expr.Number) bool { return c.Op.Holds(n.Compare(c.Number)) }
	for i, text := range x.texts {
		switch {
		case c.Part != expr.PartNone:
			if f.Kind() == event.KindTime {
				if holds(c.Part.Of(timeOf(x.numbers[i]))) {
					return true
				}
			} else if t, err := time.Parse(time.RFC3339Nano, string(text)); err == nil && holds(c.Part.Of(t)) {
				return true
			}
		case f.Kind() == event.KindTime:
			// a time is no number
		case len(x.numbers) > 0:
			if holds(numberOf(f, x.numbers[i])) {
				return true
			}
		default:
			if n, ok := expr.ParseNumber(string(text)); ok && holds(n) {
				return true
			}
		}
	}
	return false
}

func (m *Matcher) same(p *program, a *atom) bool {
	t := a.test.(expr.Same)
	ours, theirs := m.load(p, a.slot).texts, m.load(p, a.other).texts
	if !t.Cased {
		ours, theirs = m.folded(p, a.slot), m.folded(p, a.other)
	}
	for _, x := range ours {
		for _, y := range theirs {
			var yes bool
			switch t.How {
			case expr.HowPrefix:
				yes = bytes.HasPrefix(x, y)
			case expr.HowSuffix:
				yes = bytes.HasSuffix(x, y)
			case expr.HowContains:
				yes = bytes.Contains(x, y)
			default:
				yes = bytes.Equal(x, y)
			}
			if yes {
				return true
			}
		}
	}
	return false
}
