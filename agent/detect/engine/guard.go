package engine

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

const (
	mostGuards   = 32  // literals of which one is in every text that matches
	mostProducts = 128 // while they are made; many of them have another one in them
)

// guardsOf returns literals of which one is in each text in which the expression is
// found, once that is folded. It returns nil if there are none that help.
//
// Short ones are in many texts. If one is too short for the index of grams and there
// are literals that hold for the text as it is, these are returned, and cased is true.
func guardsOf(expr string) (guards []string, cased bool) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, false
	}
	re = re.Simplify()
	guards = guardian{}.needed(re).best()
	if 0 < weight(guards) && weight(guards) < gramSize {
		if raw := (guardian{raw: true}).needed(re).best(); raw != nil {
			return raw, true
		}
	}
	return guards, false
}

// guardian finds what texts need to match: folded ones, or raw ones as they are.
type guardian struct{ raw bool }

func (g guardian) text(r ...rune) string {
	if g.raw {
		return string(r)
	}
	return expr.Fold(string(r))
}

// needs is what is known about the texts that a part of an expression matches.
type needs struct {
	exact []string // if not nil, they are all there are
	some  []string // if not nil, one of them is in each
}

// best returns the literals that exclude most texts, nil for none.
func (n needs) best() []string {
	exact, some := useful(n.exact), useful(n.some)
	if weight(exact) >= weight(some) {
		return exact
	}
	return some
}

// useful returns the words without those that have another one in them, nil where
// that leaves too many, or one that is in most texts.
func useful(words []string) (few []string) {
	for i, w := range words {
		if !slices.ContainsFunc(words, func(o string) bool { return len(o) < len(w) && strings.Contains(w, o) }) && !slices.Contains(words[:i], w) {
			few = append(few, w)
		}
	}
	if len(few) > mostGuards || slices.ContainsFunc(few, common) {
		return nil
	}
	return few
}

// common reports whether a word is in most texts: none at all, or a byte that is no rare
// sign.
func common(word string) bool {
	return word == "" || len(word) == 1 && strings.IndexByte(signs, word[0]) < 0
}

// signs are bytes that few command lines have.
const signs = "`{}^$|<>+~@;"

// weight is the length of the shortest of them.
func weight(words []string) int {
	if len(words) == 0 {
		return 0
	}
	least := len(words[0])
	for _, w := range words {
		least = min(least, len(w))
	}
	return least
}

func (g guardian) needed(re *syntax.Regexp) needs {
	switch re.Op {
	case syntax.OpLiteral:
		if slices.Contains(re.Rune, utf8.RuneError) {
			return needs{} // it is also found where there is a byte that is no character
		}
		if g.raw && re.Flags&syntax.FoldCase != 0 {
			return needs{} // it is found in either case
		}
		return needs{exact: []string{g.text(re.Rune...)}}
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return needs{exact: []string{""}}
	case syntax.OpCharClass:
		return g.classNeeds(re)
	case syntax.OpCapture:
		return g.needed(re.Sub[0])
	case syntax.OpPlus:
		return needs{some: g.needed(re.Sub[0]).best()}
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needs{some: g.needed(re.Sub[0]).best()}
		}
	case syntax.OpQuest:
		if n := g.needed(re.Sub[0]); n.exact != nil {
			return needs{exact: union(n.exact, []string{""})}
		}
	case syntax.OpConcat:
		return g.concatNeeds(re.Sub)
	case syntax.OpAlternate:
		return g.alternateNeeds(re.Sub)
	}
	return needs{}
}

// classNeeds takes the characters of a small class one by one.
func (g guardian) classNeeds(re *syntax.Regexp) needs {
	const most = 8
	var all []string
	for i := 0; i+1 < len(re.Rune); i += 2 {
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			if r == utf8.RuneError || len(all) > most {
				return needs{}
			}
			all = union(all, []string{g.text(r)})
		}
	}
	if len(all) == 0 || len(all) > most {
		return needs{}
	}
	return needs{exact: all}
}

func (g guardian) alternateNeeds(subs []*syntax.Regexp) needs {
	var all needs
	exact, some := true, true
	for _, s := range subs {
		n := g.needed(s)
		one := n.best()
		all.exact, all.some = union(all.exact, n.exact), union(all.some, one)
		exact = exact && n.exact != nil && len(all.exact) <= mostProducts
		some = some && one != nil && len(all.some) <= mostProducts
		if !exact && !some {
			return needs{}
		}
	}
	if !exact {
		all.exact = nil
	}
	if !some {
		all.some = nil
	}
	return all
}

// concatNeeds joins what stands side by side for as long as it is known exactly.
func (g guardian) concatNeeds(subs []*syntax.Regexp) needs {
	run, whole := []string{""}, true
	var best []string
	keep := func(words []string) {
		if words = useful(words); weight(words) > weight(best) {
			best = words
		}
	}
	for _, s := range subs {
		n := g.needed(s)
		if n.exact != nil && len(run)*len(n.exact) <= mostProducts {
			run = product(run, n.exact)
			continue
		}
		whole = false
		keep(run)
		run = []string{""}
		if n.exact != nil && len(n.exact) <= mostProducts {
			run = n.exact
		} else {
			keep(n.best())
		}
	}
	keep(run)
	if whole {
		return needs{exact: run}
	}
	return needs{some: best}
}

func product(a, b []string) (all []string) {
	for _, x := range a {
		for _, y := range b {
			all = append(all, x+y)
		}
	}
	return all
}

// union returns the words of both.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, w := range b {
		if !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// longestLiteral returns the longest piece of a folded pattern that stands for
// itself, empty for none that helps.
func longestLiteral(p expr.Pattern) string {
	best := ""
	for _, x := range p {
		if len(x.Text) > len(best) && fixed(x) {
			best = x.Text
		}
	}
	if common(best) {
		return ""
	}
	return best
}

// fixed reports whether a piece of a pattern stands for itself, in each text.
func fixed(x expr.Piece) bool {
	return x.Text != "" && utf8.ValidString(x.Text) && !strings.ContainsRune(x.Text, utf8.RuneError)
}
