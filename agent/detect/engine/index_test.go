package engine

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	ac "github.com/BobuSumisu/aho-corasick"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// found returns the texts that an index reports of a text, each once.
func found(words []string, find func(*Matcher, *program)) []string {
	p := &program{atoms: make([]atom, len(words))}
	m := &Matcher{gen: 1, st: &state{atoms: make([]uint32, len(words))}}
	find(m, p)
	all := map[string]bool{}
	for i, stamp := range m.st.atoms {
		if stamp == 1<<1|1 {
			all[words[i]] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func drawWords(t *rapid.T) []string {
	word := rapid.StringOfN(rapid.SampledFrom([]rune("ab/.ä\u20ac ")), 1, 12, -1)
	return slices.Compact(slices.Sorted(slices.Values(rapid.SliceOfN(word, 1, 40).Draw(t, "words"))))
}

func drawText(t *rapid.T, words []string) string {
	piece := rapid.OneOf(rapid.SampledFrom(words), rapid.StringOfN(rapid.SampledFrom([]rune("ab/.ä ")), 0, 5, -1))
	return strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "text"), "")
}

func TestGramsAndShortsFindWhatAnAutomatonFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := drawWords(t)
		text := drawText(t, words)
		var long []gramWord
		var short shorts
		for i, w := range words {
			if len(w) < gramSize {
				short.add(w, int32(i))
			} else {
				long = append(long, gramWord{text: w, atom: int32(i)})
			}
		}
		g := newGrams(long)
		got := found(words, func(m *Matcher, p *program) {
			if g != nil {
				g.find(m, p, []byte(text))
			}
			short.find(m, p, []byte(text))
		})
		want := map[string]bool{}
		for _, match := range ac.NewTrieBuilder().AddStrings(words).Build().MatchString(text) {
			want[match.MatchString()] = true
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), got); diff != "" {
			t.Errorf("in %q (-automaton +index):\n%s", text, diff)
		}
	})
}

func TestAffixesFindWhatTextsBeginAndEndWith(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := drawWords(t)
		text := drawText(t, words)
		start := rapid.Bool().Draw(t, "start")
		whole := rapid.SliceOfN(rapid.Bool(), len(words), len(words)).Draw(t, "whole")
		var in []affixWord
		want := []string(nil)
		for i, w := range words {
			in = append(in, affixWord{text: w, whole: whole[i], atom: int32(i)})
			if start && strings.HasPrefix(text, w) || !start && strings.HasSuffix(text, w) {
				if !whole[i] || text == w {
					want = append(want, w)
				}
			}
		}
		a := newAffixes(in, start)
		got := found(words, func(m *Matcher, p *program) { a.find(m, p, []byte(text)) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in %q (-want +got):\n%s", text, diff)
		}
	})
}

func TestFoldIsThatOfPackageSigma(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := textOf(t, append(eventPieces, "abcdefgh", "ABCDEFGH", "@[`{", "\x7f\x80"), "text") + textOf(t, eventPieces, "more")
		got, _ := fold(nil, []byte(text))
		if want := expr.Fold(text); string(got) != want {
			t.Errorf("%q folds to %q, want %q", text, got, want)
		}
	})
}

// TestGuardsAreInEachMatch holds that guards are sound: a text in which an expression
// is found has one of them, once it is folded.
func TestGuardsAreInEachMatch(t *testing.T) {
	part := rapid.SampledFrom([]string{"ab", "A", "k", "ſ", "(ab|cd)", "(a|bcd|)", "[ab]", "[a-z]", "x?", "(xy)?", "a+", "(ab)+", "(cd){2,3}", ".", ".*", "^", "$", `\b`, `\d`, "(?i:Ks)", "(a|.)", "(.|ab)", "((ab)+z|xy)", "(.*|cd|k)", "ä", "\ufffd", "[xX]y"})
	guarded := 0
	rapid.Check(t, func(t *rapid.T) {
		expr := strings.Join(rapid.SliceOfN(part, 1, 5).Draw(t, "expression"), "")
		guards, cased := guardsOf(expr)
		if guards == nil {
			return
		}
		guarded++
		re := regexp.MustCompile(expr)
		for range 20 {
			text := textOf(t, []string{"ab", "AB", "a", "b", "cd", "CD", "k", "\u212A", "s", "ſ", "xy", "Xy", "ä", "\xff", "z", "1", " "}, "text") + textOf(t, []string{"ab", "cd", "xy", "k", "s"}, "more")
			folded := []byte(text)
			if !cased {
				folded, _ = fold(nil, folded)
			}
			if re.MatchString(text) && !slices.ContainsFunc(guards, func(g string) bool { return bytes.Contains(folded, []byte(g)) }) {
				t.Errorf("%q is found in %q, which has none of %q", expr, text, guards)
			}
		}
	})
	if guarded == 0 {
		t.Error("no expression had guards")
	}
}

func TestGuardsOfExpressionsThatRulesHave(t *testing.T) {
	for expr, want := range map[string][]string{
		`(?:nc|ncat)\s+-e`:                  {"nc"},
		`(bash|sh)\s+-i\s+>&\s*/dev/tcp/`:   {"/dev/tcp/"},
		`-(W|R)\s?(\s|"|')([0-9a-f]{2}\s?)`: {"-R\t", "-R\n", "-R\f", "-R\r", "-R ", "-R\"", "-R'", "-W\t", "-W\n", "-W\f", "-W\r", "-W ", "-W\"", "-W'"},
		"\\w+`(?:\\w+|-|.)`":                {"`"},
		`\{.*\{`:                            {"{"},
		`(?i)-[ab]`:                         {"-a", "-b"},
		`^.*$`:                              nil,
		`[a-z]{4}`:                          nil,
		`(?i)PowerShell`:                    {"powershell"},
		`a|bcdef`:                           nil,
		`(http|ftp)s?://[0-9]`:              {"https://", "http://", "ftps://", "ftp://"},
	} {
		got, _ := guardsOf(expr)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expr, diff)
		}
	}
}
