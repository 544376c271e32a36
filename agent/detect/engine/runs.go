package engine

import (
	"math"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// runs is what a regular expression needs and a walk over few bytes finds out: so many
// bytes, and a run of bytes of a set. An expression such as \s[a-f0-9]{64}\s has no
// literal that could guard it, but 64 bytes of a set side by side are as rare.
//
// Immutable after runsOf.
type runs struct {
	least int // bytes in all
	size  int // of the run, in bytes; 0: none that helps
	set   byteSet
}

// byteSet has a bit of each byte.
type byteSet [4]uint64

func (s *byteSet) has(c byte) bool { return s[c/64]>>(c%64)&1 != 0 }

func (s *byteSet) join(o byteSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// high are the bytes of which characters outside of ASCII consist, and those that are
// no character at all.
var high = byteSet{2: math.MaxUint64, 3: math.MaxUint64}

// leastRun is how many bits of information a run needs to be looked for.
const leastRun = 8

// runsOf returns what each text has in which the expression is found, as it is.
func runsOf(expr string) (r runs) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return runs{}
	}
	r.least = r.take(re).size
	if bitsOf(r.size, r.set) < leastRun {
		r.size = 0
	}
	return r
}

// may reports whether the expression may be found in text. It looks at each byte once
// at most, and at every size-th where few are in the set.
func (r *runs) may(text []byte) bool {
	if len(text) < r.least {
		return false
	}
	if r.size == 0 {
		return true
	}
	for known, end := 0, r.size; end <= len(text); { // text[end-size:known] is of the set
		i := end
		for i > known && r.set.has(text[i-1]) {
			i--
		}
		if i == known {
			return true
		}
		known, end = end, i+r.size
	}
	return false
}

// span is what a part of an expression matches: size bytes or more, all of them of the
// set.
type span struct {
	size int
	set  byteSet
}

const mostSpan = 1 << 12 // bytes; a longer one is cut

func (s span) times(n int) span {
	s.size = min(s.size*n, mostSpan)
	return s
}

func (s span) and(o span) span {
	s.size = min(s.size+o.size, mostSpan)
	s.set.join(o.set)
	return s
}

// take returns the span of a part. Each text that matches has that part, and so the span
// is kept if it is rarer than the one that is known.
func (r *runs) take(re *syntax.Regexp) (s span) {
	switch re.Op {
	case syntax.OpConcat:
		s = r.takeAll(re.Sub)
	case syntax.OpCapture, syntax.OpPlus:
		s = r.take(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			s = r.take(re.Sub[0]).times(re.Min)
		} else {
			s = r.spanOf(re)
		}
	default:
		s = r.spanOf(re)
	}
	if bitsOf(s.size, s.set) > bitsOf(r.size, r.set) {
		r.size, r.set = s.size, s.set
	}
	return s
}

// takeAll takes the parts of a sequence, and each sequence of them.
func (r *runs) takeAll(subs []*syntax.Regexp) (all span) {
	const most = 64 // parts, because all sequences of them are as many as their square
	spans := make([]span, len(subs))
	for i, sub := range subs {
		spans[i] = r.take(sub)
	}
	for i := range spans {
		s := spans[i]
		for j := i + 1; j < len(spans) && len(spans) <= most; j++ {
			s = s.and(spans[j])
			if bitsOf(s.size, s.set) > bitsOf(r.size, r.set) {
				r.size, r.set = s.size, s.set
			}
		}
		all = all.and(spans[i])
	}
	return all
}

// spanOf returns the span of a part that a text need not have.
func (r *runs) spanOf(re *syntax.Regexp) (s span) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, c := range re.Rune {
			s = s.and(spanOfRune(c))
			for f := unicode.SimpleFold(c); re.Flags&syntax.FoldCase != 0 && f != c; f = unicode.SimpleFold(f) {
				s.set.join(spanOfRune(f).set)
			}
		}
	case syntax.OpCharClass:
		s.size = 1
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for c := re.Rune[i]; c <= re.Rune[i+1]; c++ {
				s.set.join(spanOfRune(c).set)
				if c >= utf8.RuneSelf {
					break
				}
			}
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		s.size = 1
		s.set = byteSet{math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			s = s.and(r.spanOf(sub))
		}
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			o := r.spanOf(sub)
			if s.set.join(o.set); i == 0 || o.size < s.size {
				s.size = o.size
			}
		}
	case syntax.OpCapture, syntax.OpPlus:
		s = r.spanOf(re.Sub[0])
	case syntax.OpStar, syntax.OpQuest:
		s = r.spanOf(re.Sub[0]).times(0)
	case syntax.OpRepeat:
		s = r.spanOf(re.Sub[0]).times(re.Min)
	}
	return s // all others match no byte, or nothing at all
}

// spanOfRune takes a character outside of ASCII for one byte: the character for what is
// none is found at a single one.
func spanOfRune(c rune) (s span) {
	if s.size = 1; c >= utf8.RuneSelf {
		s.set = high
	} else {
		s.set[c/64] |= 1 << (c % 64)
	}
	return s
}

// bitsOf is about how many bits of information a run has.
func bitsOf(size int, set byteSet) float64 {
	in, all := 0, 0
	for c := byte(' '); c < utf8.RuneSelf-1; c++ {
		if all += int(frequency[c]); set.has(c) {
			in += int(frequency[c])
		}
	}
	return -float64(size) * math.Log2(float64(in+1)/float64(all+1))
}
