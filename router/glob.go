package router

func matchAnyGlob(globs []string, b []byte) bool {
	if b == nil {
		return false
	}
	for _, g := range globs {
		if matchGlob(g, b) {
			return true
		}
	}
	return false
}

// matchGlob reports whether b matches g, where * is any run of bytes. It
// remembers only the last *, so it takes at most len(g)*len(b) steps.
func matchGlob(g string, b []byte) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(b) {
		switch {
		case i < len(g) && g[i] == '*':
			star, mark = i, j
			i++
		case i < len(g) && g[i] == b[j]:
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(g) && g[i] == '*' {
		i++
	}
	return i == len(g)
}
