package topic

// Patterns is a set of patterns. It matches a topic if any of them does.
type Patterns []Pattern

// ParsePatterns parses each of texts with wildcards allowed.
func ParsePatterns(texts ...string) (Patterns, error) {
	ps := make(Patterns, 0, len(texts))
	for _, t := range texts {
		p, err := ParsePattern(t, true)
		if err != nil {
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// Match reports whether any pattern of the set matches topic.
func (ps Patterns) Match(topic string) bool {
	for i := range ps {
		if ps[i].Match(topic) {
			return true
		}
	}
	return false
}
