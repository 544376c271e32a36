package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns text such that two texts that differ in nothing but case become the
// same: as strings.EqualFold compares. A byte that is not UTF-8 stays.
func Fold(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			b.WriteByte(text[i])
		} else {
			b.WriteRune(FoldRune(r))
		}
		i += size
	}
	return b.String()
}

// FoldRune returns the one character that stands for all that differ from r in
// case only: the small letter of ASCII if one of them is that, else the least.
func FoldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if 'A' <= least && least <= 'Z' {
		return least + 'a' - 'A'
	}
	return least
}
