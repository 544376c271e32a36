package config

import "strings"

// Nearest returns the word that is most like the given one, empty when none is
// much like it: at most a third of its letters, and two in any case, are changed.
// Of equals the first wins.
func Nearest(word string, words []string) string {
	best, least := "", max(len(word)/3, 2)+1
	if len(word) > 100 {
		return "" // no key is near to that
	}
	for _, w := range words {
		if d := distance(word, w, least); d < least {
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

// near returns the valid key that is most like name, which is unknown in section:
// one of the same section, else one that is called the same or nearly so elsewhere.
func (t *table) near(section, name string) string {
	var siblings, elsewhere []string
	full := map[string]string{} // by last part, the first of each
	for _, n := range t.names {
		parent, last := split(n)
		if parent == section {
			siblings = append(siblings, last)
			continue
		}
		if full[last] == "" {
			full[last], elsewhere = n, append(elsewhere, last)
		}
	}
	if n := Nearest(name, siblings); n != "" {
		return join(section, n)
	}
	return full[Nearest(name, elsewhere)]
}

func split(name string) (section, last string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}
