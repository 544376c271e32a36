package engine

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

const (
	mostGuards = 32 // literals of which one is in every text that matches
	leastGuard = 2  // bytes; a shorter literal is in most texts
)

// guardsOf returns literals of which one is in each text in which the expression is
// found, once that is folded. It returns nil if there are none that help.
func guardsOf(expr string) []string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	return needed(re.Simplify()).best()
}

// needs is what is known about the texts that a part of an expression matches, all
// folded.
type needs struct {
	exact []string // if not nil, they are all there are
	some  []string // if not nil, one of them is in each
}

// best returns the literals that exclude most texts, nil for none.
func (n needs) best() []string {
	if weight(n.exact) >= weight(n.some) {
		return useful(n.exact)
	}
	return useful(n.some)
}

// useful returns the words without those that have another one in them, nil where
// one is too short.
func useful(words []string) (few []string) {
	if weight(words) < leastGuard {
		return nil
	}
	for i, w := range words {
		if !slices.ContainsFunc(words, func(o string) bool { return len(o) < len(w) && strings.Contains(w, o) }) && !slices.Contains(words[:i], w) {
			few = append(few, w)
		}
	}
	return few
}

// weight is the length of the shortest of them.
func weight(words []string) int {
	if len(words) == 0 || len(words) > mostGuards {
		return 0
	}
	least := len(words[0])
	for _, w := range words {
		least = min(least, len(w))
	}
	return least
}

func needed(re *syntax.Regexp) needs {
	switch re.Op {
	case syntax.OpLiteral:
		if slices.Contains(re.Rune, utf8.RuneError) {
			return needs{} // it is also found where there is a byte that is no character
		}
		return needs{exact: []string{expr.Fold(string(re.Rune))}}
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return needs{exact: []string{""}}
	case syntax.OpCharClass:
		return classNeeds(re)
	case syntax.OpCapture:
		return needed(re.Sub[0])
	case syntax.OpPlus:
		return needs{some: needed(re.Sub[0]).best()}
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needs{some: needed(re.Sub[0]).best()}
		}
	case syntax.OpQuest:
		if n := needed(re.Sub[0]); n.exact != nil {
			return needs{exact: union(n.exact, []string{""})}
		}
	case syntax.OpConcat:
		return concatNeeds(re.Sub)
	case syntax.OpAlternate:
		return alternateNeeds(re.Sub)
	}
	return needs{}
}

// classNeeds takes the characters of a small class one by one.
func classNeeds(re *syntax.Regexp) needs {
	const most = 8
	var all []string
	for i := 0; i+1 < len(re.Rune); i += 2 {
		for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
			if r == utf8.RuneError || len(all) > most {
				return needs{}
			}
			all = union(all, []string{expr.Fold(string(r))})
		}
	}
	if len(all) == 0 || len(all) > most {
		return needs{}
	}
	return needs{exact: all}
}

func alternateNeeds(subs []*syntax.Regexp) needs {
	var all needs
	exact, some := true, true
	for _, s := range subs {
		n := needed(s)
		one := n.best()
		all.exact, all.some = union(all.exact, n.exact), union(all.some, one)
		exact = exact && n.exact != nil && len(all.exact) <= mostGuards
		some = some && one != nil && len(all.some) <= mostGuards
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
func concatNeeds(subs []*syntax.Regexp) needs {
	run, whole := []string{""}, true
	var best []string
	keep := func(words []string) {
		if weight(words) > weight(best) {
			best = words
		}
	}
	for _, s := range subs {
		n := needed(s)
		if n.exact != nil && len(run)*len(n.exact) <= mostGuards {
			run = product(run, n.exact)
			continue
		}
		whole = false
		keep(run)
		run = []string{""}
		if n.exact != nil && len(n.exact) <= mostGuards {
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
		if len(x.Text) > len(best) && utf8.ValidString(x.Text) && !strings.ContainsRune(x.Text, utf8.RuneError) {
			best = x.Text
		}
	}
	if len(best) < leastGuard {
		return ""
	}
	return best
}
