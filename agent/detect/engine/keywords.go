package engine

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/event"
)

// shareKeywords has the index of each field that is looked at for each event look for
// the keywords too, so that no text is read, folded and walked twice. It returns the
// other fields in which keywords are looked for, and how many bytes a text has to have.
// With the community's 1,415 Windows rules, of which one has keywords, an event of the
// mix takes 4.9 us and not 6.0.
//
// Keywords share only if all of them are in the index, and are words inside of a text of
// which none is of digits alone. Then they are in no number, and in an argument only if
// they are in the command line too: neither has to be read.
func (b *builder) shareKeywords() (rest []event.Field, least int) {
	rest, least = keywordFields[b.table], -1
	for i := range b.atoms {
		a := &b.atoms[i]
		if !b.slots[a.slot].any {
			continue
		}
		if !a.hits || a.kind != atomContains || strings.Trim(a.text, "0123456789") == "" {
			return rest, 0
		}
		if n := utf8.RuneCountInString(a.text); least < 0 || n < least {
			least = n // a character that is folded had a byte or more
		}
	}
	if least < 0 {
		return rest, 0
	}
	return slices.DeleteFunc(slices.Clone(rest), func(f event.Field) bool {
		for i := range b.slots {
			if s := &b.slots[i]; !s.any && s.eager && s.indexed() && s.field == f {
				s.shares = true
				return true
			}
		}
		return f.Kind() != event.KindText && f.Kind() != event.KindList && f.Kind() != event.KindPairs || f.Name() == "process.args"
	}), least
}

// readAny reads the texts in which keywords are looked for by themselves.
func (m *Matcher) readAny(x *values, p *program) {
	for _, f := range p.rest {
		switch f.Kind() {
		case event.KindText:
			if t := m.view.Text(f); t != nil && len(t) >= p.least {
				x.texts = append(x.texts, t)
			}
		case event.KindPairs:
			for _, value := range m.view.Pairs(f) {
				if len(value) >= p.least {
					x.texts = append(x.texts, value)
				}
			}
		default:
			m.read(x, f)
		}
	}
	for _, value := range m.view.Extra() {
		x.texts = append(x.texts, value)
	}
}

// inKeywords reports whether keywords are looked for in fields of a kind. Times,
// shares and keys made of numbers are not what an author of keywords thinks of.
func inKeywords(k event.Kind) bool {
	return slices.Contains([]event.Kind{event.KindText, event.KindList, event.KindNumber, event.KindID, event.KindNumbers}, k)
}

// keywordFields are the fields of each table in which keywords are looked for.
var keywordFields = func() (all [8][]event.Field) {
	for t := event.TableProcess; t <= event.TablePerformance; t++ {
		for _, f := range t.Fields() {
			if inKeywords(f.Kind()) || f.Kind() == event.KindPairs {
				all[t] = append(all[t], f)
			}
		}
	}
	return all
}()
