// Package spelling finds the word that was meant, for error messages.
package spelling

import "strings"

// maxWord is how long a word may be that anything is near to. It bounds the work for what
// strangers write.
const maxWord = 100

// Nearest returns the word that is most like the given one, empty when none is
// much like it: at most a third of its letters, and two in any case, are changed, and
// not all of them. Of equals the first wins. Case counts as no change.
func Nearest(word string, words []string) string {
	if len(word) > maxWord {
		return ""
	}
	word = strings.ToLower(word)
	best, least := "", max(len(word)/3, 2)+1
	for _, w := range words {
		if d := distance(word, strings.ToLower(w), least); d < least && d < len(w) {
			best, least = w, d
		}
	}
	return best
}

// distance returns how many letters have to be inserted, removed, replaced or
// swapped with their neighbour to make b of a, or limit when that is less.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit)
}
