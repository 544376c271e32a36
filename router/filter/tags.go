package filter

import "github.com/daemoneye/eventbus/router/bus"

// tagFilter are the keys that a filter asks for, of tags or of metadata.
type tagFilter struct {
	keys     map[string]int // index in pairs
	pairs    []wantedPair
	required int // how many there must be
}

type wantedPair struct {
	required, any       string // the value
	isRequired, isAnyOf bool
}

func (w *tagFilter) pair(key string) *wantedPair {
	i, ok := w.keys[key]
	if !ok {
		if w.keys == nil {
			w.keys = make(map[string]int)
		}
		i = len(w.pairs)
		w.keys[key] = i
		w.pairs = append(w.pairs, wantedPair{})
	}
	return &w.pairs[i]
}

func (w *tagFilter) require(pairs map[string]string) {
	for k, v := range pairs {
		p := w.pair(k)
		p.required, p.isRequired = v, true
	}
	w.required = len(pairs)
}

func (w *tagFilter) anyOf(pairs map[string]string) {
	for k, v := range pairs {
		p := w.pair(k)
		p.any, p.isAnyOf = v, true
	}
}

// tagSearch is how far the search for what is wanted has come in a message.
type tagSearch struct {
	seen  [bus.MaxFilterEntries / 64]uint64 // bit i: pairs[i] was found, whatever its value
	found int                               // of those required
	any   bool
}

// visit looks at one entry. Where a key stands twice, the first counts, as for every
// other reader of extensions.
func (s *tagSearch) visit(w *tagFilter, m *Message, at uint16) {
	key, value, ok := m.pair(at)
	if !ok {
		return
	}
	i, ok := w.keys[string(key)]
	if !ok || s.seen[i/64]&(1<<(i%64)) != 0 {
		return
	}
	s.seen[i/64] |= 1 << (i % 64)
	p := &w.pairs[i]
	if p.isRequired && string(value) == p.required {
		s.found++
	}
	if p.isAnyOf && string(value) == p.any {
		s.any = true
	}
}
