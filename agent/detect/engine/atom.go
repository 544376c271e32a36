package engine

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/daemoneye/eventbus/agent/event"
)

// atom is one question to one field. Rules that ask the same share it.
type atom struct {
	slot   int32 // of the program; anySlot for a keyword
	kind   atomKind
	raw    bool   // on the text as it is, and not on the folded one
	text   string // of the kinds that compare one
	glob   *glob
	test   expr.Test
	other  int32   // the slot that is compared with
	runs   runs    // of a regular expression
	guards []int32 // if not nil, one of these atoms is true whenever this one is
	hits   bool    // the index finds whether it is true
	cost   int32   // about, ns
	rare   float64 // how likely it is true, about

	rules  []int32 // that may match when it is true
	groups []int32 // that are true when it is
}

type atomKind uint8

const (
	atomExact atomKind = iota
	atomPrefix
	atomSuffix
	atomContains
	atomGlob
	atomThere // any value at all
	atomNumber
	atomRegex
	atomCompare
	atomWithin
	atomSame
	atomNull
	atomExists
)

// atomOf returns the number of the atom that a rule has in the program.
func (b *builder) atomOf(a *expr.Atom) int32 {
	slot := b.slotOf(a.Field)
	switch t := a.Test.(type) {
	case expr.Match:
		return b.match(slot, t)
	case expr.Equal:
		return b.equal(slot, t)
	case expr.Regex:
		x := atom{slot: slot, kind: atomRegex, test: t, raw: true, cost: 2000, rare: 0.01, runs: runsOf(t.Expr.String())}
		if x.runs.size > 0 {
			x.cost = 200
		}
		if b.slots[slot].indexed() {
			guards, cased := guardsOf(t.Expr.String())
			x.guards = b.contains(slot, guards, cased)
		}
		return b.intern(fmt.Sprintf("regex %d %s", slot, t.Expr), x)
	case expr.Compare:
		return b.intern(fmt.Sprintf("compare %d %d %d %s", slot, t.Op, t.Part, t.Number), atom{slot: slot, kind: atomCompare, test: t, cost: 40, rare: 0.3})
	case expr.Within:
		return b.intern(fmt.Sprintf("within %d %s", slot, t.Prefix), atom{slot: slot, kind: atomWithin, test: t, raw: true, cost: 60, rare: 0.2})
	case expr.Same:
		x := atom{slot: slot, kind: atomSame, test: t, raw: t.Cased, other: b.slotOf(t.Field), cost: 40, rare: 0.1}
		return b.intern(fmt.Sprintf("same %d %d %d %v", slot, x.other, t.How, t.Cased), x)
	case expr.Null:
		return b.intern(fmt.Sprintf("null %d", slot), atom{slot: slot, kind: atomNull, cost: 5, rare: 0.5})
	case expr.Exists:
		return b.intern(fmt.Sprintf("exists %d %v", slot, t.Want), atom{slot: slot, kind: atomExists, test: t, cost: 5, rare: 0.5})
	}
	panic("engine: test of a foreign type")
}

// match sorts patterns by what finds them.
func (b *builder) match(slot int32, t expr.Match) int32 {
	p := t.Pattern
	if !t.Cased {
		p = p.Folded()
	}
	kind, text := shape(p)
	if kind == atomExact && b.slots[slot].whole() {
		// The text of a number is found by the number, if it is written as we write it.
		if n, ok := expr.ParseNumber(text); ok && n.String() == text {
			if _, ok := n.Uint(); ok {
				return b.equal(slot, expr.Equal{Number: n})
			}
		}
	}
	x := atom{slot: slot, kind: kind, text: text, raw: t.Cased, cost: 30, rare: likelihood(kind, text)}
	if kind == atomGlob {
		x.glob, x.cost, x.rare = newGlob(p), 100, likelihood(atomContains, longestLiteral(p))
	}
	if b.slots[slot].indexed() {
		switch {
		case kind == atomThere:
		case kind == atomGlob:
			x.guards = b.globGuard(slot, p.Folded())
		case t.Cased && utf8.ValidString(text) && !b.short(&x):
			x.guards = []int32{b.match(slot, expr.Match{Pattern: t.Pattern})}
		case utf8.ValidString(text):
			x.hits = text != "" && !t.Cased && !b.short(&x)
		}
	}
	return b.intern(fmt.Sprintf("match %d %v %s", slot, t.Cased, p), x)
}

// globGuard returns the atom of the rarest text that whatever the folded pattern matches
// has: in it, or at one of its ends where the pattern has no wildcard there.
func (b *builder) globGuard(slot int32, p expr.Pattern) []int32 {
	many := expr.Piece{Wild: expr.Many}
	var best expr.Pattern
	rare := 1.0
	try := func(kind atomKind, text string, guard expr.Pattern) {
		if r := likelihood(kind, text); r < rare {
			best, rare = guard, r
		}
	}
	if text := longestLiteral(p); text != "" {
		try(atomContains, text, expr.Pattern{many, {Text: text}, many})
	}
	if first := p[0]; fixed(first) {
		try(atomPrefix, first.Text, expr.Pattern{first, many})
	}
	if last := p[len(p)-1]; fixed(last) {
		try(atomSuffix, last.Text, expr.Pattern{many, last})
	}
	if best == nil {
		return nil
	}
	return []int32{b.match(slot, expr.Match{Pattern: best})}
}

// shape returns what a pattern is, and the text if it has just one. A text that is not
// UTF-8 is left to glob, which keeps to whole characters.
func shape(p expr.Pattern) (atomKind, string) {
	many := func(i int) bool { return p[i].Wild == expr.Many }
	valid := func(i int) bool { return p[i].Wild == expr.Literal && utf8.ValidString(p[i].Text) }
	switch {
	case len(p) == 0:
		return atomExact, ""
	case len(p) == 1 && many(0):
		return atomThere, ""
	case len(p) == 1 && valid(0):
		return atomExact, p[0].Text
	case len(p) == 2 && valid(0) && many(1):
		return atomPrefix, p[0].Text
	case len(p) == 2 && many(0) && valid(1):
		return atomSuffix, p[1].Text
	case len(p) == 3 && many(0) && valid(1) && many(2):
		return atomContains, p[1].Text
	}
	return atomGlob, ""
}

// usual are texts that are in many events, whatever their letters.
const usual = "/usr/bin/\n/usr/sbin/\n/usr/lib/\n/usr/local/bin/\n/bin/\n/sbin/\n/etc/\n/var/lib/\n/opt/\n/dev/null\n" +
	"c:\\windows\\system32\\\nc:\\windows\\syswow64\\\nc:\\program files\\\nc:\\program files (x86)\\\n\\svchost.exe\n.exe\n.dll"

// likelihood guesses how often a text is found. It only has to order them.
func likelihood(kind atomKind, text string) float64 {
	if kind != atomExact && kind != atomThere && len(text) > 1 && strings.Contains(usual, text) {
		return 0.3
	}
	bits := 2.0
	switch kind {
	case atomExact, atomPrefix, atomSuffix:
		bits += 1.6 * float64(len(text))
	case atomThere:
		return 0.9
	default:
		bits = -places
		for i := range len(text) {
			bits += rareness(text[i])
			if i > 0 && text[i-1:i+1] == "/." {
				bits += 8 // hidden files, and hardly anything else
			}
		}
	}
	return math.Exp2(-max(0.2, min(bits, 40)))
}

// places is for how many places of a text a word may stand at: 64, in bits.
const places = 6

// rareness is about how many bits a byte of a command line has.
func rareness(c byte) float64 {
	if strings.IndexByte(signs, c) >= 0 {
		return 9
	}
	switch frequency[c] {
	case 10:
		return 1.3
	case 7:
		return 2
	case 4:
		return 3
	}
	return 4.5
}

func (b *builder) equal(slot int32, t expr.Equal) int32 {
	if b.slots[slot].textual() {
		return b.match(slot, expr.Match{Pattern: expr.Pattern{{Text: t.Number.String()}}})
	}
	x := atom{slot: slot, kind: atomNumber, test: t, cost: 10, rare: 0.001}
	_, whole := t.Number.Uint()
	x.hits = whole && b.slots[slot].whole()
	return b.intern(fmt.Sprintf("number %d %s", slot, t.Number), x)
}

// contains returns the atoms of texts that are looked for in a field.
func (b *builder) contains(slot int32, texts []string, cased bool) (all []int32) {
	for _, text := range texts {
		all = append(all, b.match(slot, expr.Match{Cased: cased, Pattern: expr.Pattern{{Wild: expr.Many}, {Text: text}, {Wild: expr.Many}}}))
	}
	return all
}

// intern returns the number of the atom, which it adds if it is new.
func (b *builder) intern(key string, a atom) int32 {
	if i, ok := b.byKey[key]; ok {
		return i
	}
	i := int32(len(b.atoms))
	b.atoms, b.byKey[key] = append(b.atoms, a), i
	return i
}

// slot is a field that rules of the program look at.
type slot struct {
	field   event.Field
	kind    event.Kind
	any     bool // no field, but all in which keywords are looked for
	shares  bool // keywords are looked for in its texts too
	eager   bool // its index is looked at for each event, and not only when a rule asks
	suffix  *affixes
	prefix  *affixes
	grams   *grams
	short   shorts // with fewer bytes than a gram
	raw     shorts // looked for in the text as it is
	numbers map[uint64]int32
}

// mayFind reports whether the tables of affixes may find something in one of the texts.
func (s *slot) mayFind(texts [][]byte) bool {
	for _, text := range texts {
		if s.suffix.may(text) || s.prefix.may(text) {
			return true
		}
	}
	return false
}

// textual reports whether the field holds text.
func (s *slot) textual() bool {
	return s.kind == event.KindText || s.kind == event.KindList || s.kind == event.KindKey
}

// indexed reports whether its texts go through the index.
func (s *slot) indexed() bool { return s.kind == event.KindText || s.kind == event.KindList }

// whole reports whether its numbers are whole ones, and so found by a hash.
func (s *slot) whole() bool {
	return s.kind == event.KindNumber || s.kind == event.KindID || s.kind == event.KindNumbers
}

// slotOf returns the slot of a field, or that of keywords for no name.
func (b *builder) slotOf(name string) int32 {
	s := slot{any: name == "", kind: event.KindList}
	if !s.any {
		s.field = event.MustField(b.table, name)
		s.kind = s.field.Kind()
	}
	for i := range b.slots {
		if o := &b.slots[i]; s.any && o.any || !s.any && !o.any && o.field.Name() == s.field.Name() {
			return int32(i)
		}
	}
	b.slots = append(b.slots, s)
	return int32(len(b.slots) - 1)
}
