package redact

import (
	"sort"
	"strings"
)

// span is a part of a text that is secret.
type span struct{ from, to int }

// spans returns the secret parts of text in order, none of which meets another one.
func (r *Redactor) spans(text string) (all []span) {
	found := r.guards.in(text)
	if found&r.names != 0 {
		all = named(all, text, fold(text))
	}
	for i := range r.patterns {
		p := &r.patterns[i]
		if p.guards != 0 && p.guards&found == 0 {
			continue
		}
		for _, m := range p.expr.FindAllStringSubmatchIndex(text, -1) {
			if s, ok := p.secret(text, m); ok {
				all = append(all, s)
			}
		}
	}
	if len(all) < 2 {
		return all
	}
	sort.Slice(all, func(i, j int) bool { return all[i].from < all[j].from })
	merged := all[:1]
	for _, s := range all[1:] {
		if last := &merged[len(merged)-1]; s.from <= last.to {
			last.to = max(last.to, s.to)
		} else {
			merged = append(merged, s)
		}
	}
	return merged
}

// fold returns text in lower case, but only its ASCII, so that the length stays.
func fold(text string) string {
	for i := range len(text) {
		if text[i] != lower(text[i]) {
			b := []byte(text)
			for ; i < len(b); i++ {
				b[i] = lower(b[i])
			}
			return string(b)
		}
	}
	return text
}

// Text returns text with its secrets replaced, and whether there were any.
func (r *Redactor) Text(text string) (string, bool) { return replace(text, r.spans(text)) }

func replace(text string, all []span) (string, bool) {
	if len(all) == 0 {
		return text, false
	}
	var b strings.Builder
	at := 0
	for _, s := range all {
		b.WriteString(text[at:s.from])
		b.WriteString(Mark)
		at = s.to
	}
	b.WriteString(text[at:])
	return b.String(), true
}

// arguments replaces secrets in a list of texts as they stand beside each other in a
// command line: a name may be in one, and the secret in the next.
func (r *Redactor) arguments(list []string) (changed []bool) {
	all := r.spans(strings.Join(list, " "))
	changed = make([]bool, len(list))
	at := 0
	for i, text := range list {
		end := at + len(text)
		var own []span
		for len(all) > 0 && all[0].from < end {
			s := all[0]
			own = append(own, span{max(s.from-at, 0), min(s.to-at, len(text))})
			if s.to > end {
				all[0].from = end + 1
				break
			}
			all = all[1:]
		}
		if len(own) > 0 && own[0].from == 0 && i > 0 { // the whole argument is the secret, blanks in it too
			own = []span{{0, len(text)}}
		}
		list[i], changed[i] = replace(text, own)
		at = end + 1
	}
	return changed
}
