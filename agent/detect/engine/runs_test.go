package engine

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRunsOfAnExpression(t *testing.T) {
	for _, c := range []struct {
		expr        string
		least, size int
	}{
		{`\s[a-fA-F0-9]{64}\s[a-fA-F0-9]{16}`, 82, 82},
		{`x[0-9]{8}.*`, 9, 9},
		{`(a|[0-9]{12})b`, 2, 0},
		{`(?:[0-9]{1,3}\.){3}[0-9]{1,3}`, 7, 7},
		{`[0-9]{8}?[^0-9]`, 9, 8},
		{`([0-9]{8})*`, 0, 0},
		{`[0-9]{0,8}`, 0, 0},
		{`.{20}`, 20, 0},
		{``, 0, 0},
	} {
		if r := runsOf(c.expr); r.least != c.least || r.size != c.size {
			t.Errorf("%s needs %d bytes and a run of %d, want %d and %d", c.expr, r.least, r.size, c.least, c.size)
		}
	}
}

func TestARunIsFoundWhereverItStands(t *testing.T) {
	r := runsOf(`[0-9]{10}`)
	for before := range 25 {
		for n := range 25 {
			for _, behind := range []string{"", "x", "123456789", "x123456789x"} {
				text := strings.Repeat("1x", before) + strings.Repeat("7", n) + behind
				if want := regexp.MustCompile(`[0-9]{10}`).MatchString(text); r.may([]byte(text)) != want {
					t.Errorf("run in %q: %v, want %v", text, !want, want)
				}
			}
		}
	}
}

// TestRunsExcludeNoTextThatMatches has expressions of pieces of all kinds, and texts of
// the letters that these are about: invalid bytes, and characters that are the same
// without case but differ in length.
func TestRunsExcludeNoTextThatMatches(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		`[0-9]{4}`, `[^0-9]{3}`, `\d{2,5}`, `[a-f]+`, `(?i:k)`, `(?i:[ks]{3})`, `.`, `(?s:.)`, `\x{FFFD}`, `[\x{FFFD}]{2}`, `é`, `[é-ü]{2}`,
		`(ab|[0-9]{3})`, `(k|)`, `[ks]{0,3}`, `(?:[0-9]k){3}`, `(?:s+k?){2}`, `^`, `$`, `\b`, `\B`, `k*`, `(?U:k+)`, `[^k]`, `1{3}`, `\n`, `[^\n]{2}`,
	})
	letters := rapid.SampledFrom([]string{"0", "1", "7", "a", "f", "k", "K", "\u212A", "s", "\u017F", "é", "ü", "\uFFFD", "\xff", "\x80", "\n", "b"})
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		expr := strings.Join(rapid.SliceOfN(pieces, 1, 4).Draw(t, "expr"), "")
		text := strings.Join(rapid.SliceOfN(letters, 0, 40).Draw(t, "text"), "")
		r := runsOf(expr)
		if re := regexp.MustCompile(expr); re.MatchString(text) {
			matched++
			if !r.may([]byte(text)) {
				t.Fatalf("%q is in %q, and %+v excludes it", expr, text, r)
			}
		}
	})
	if matched == 0 {
		t.Error("no text matched")
	}
}
