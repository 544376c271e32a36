package filter

// set is a list of which any entry will do; nil takes everything.
type set map[string]struct{}

func newSet(list []string) set {
	if len(list) == 0 {
		return nil
	}
	s := make(set, len(list))
	for _, v := range list {
		s[v] = struct{}{}
	}
	return s
}

// contains reports whether v, which is nil where the message has none, will do.
func (s set) contains(v []byte) bool {
	if s == nil {
		return true
	}
	_, ok := s[string(v)]
	return ok && v != nil
}
