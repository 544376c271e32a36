package strictjson

import "strconv"

// Error states what is wrong with a text, and where.
type Error struct {
	Path    string // of the value, as in event_filter.pids[3]; empty for the whole text
	Offset  int    // of the byte in the text where the problem was seen
	Problem string // what was wanted, and what stands there
}

// Error names the path, the problem and the offset.
func (e *Error) Error() string {
	at := " (byte " + strconv.Itoa(e.Offset) + " of the JSON)"
	if e.Path == "" {
		return e.Problem + at
	}
	return e.Path + ": " + e.Problem + at
}

// maxShown bounds what an error repeats of the text: it goes back to the peer and
// into logs.
const maxShown = 40

// shown returns text as an error may repeat it.
func shown(text []byte) string {
	if len(text) > maxShown {
		return strconv.QuoteToASCII(string(text[:maxShown])) + " and more"
	}
	return strconv.QuoteToASCII(string(text))
}

// pathText writes a path as it is shown.
func pathText(path []step) string {
	var b []byte
	for _, s := range path {
		switch {
		case s.key == nil:
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
			continue
		case len(b) > 0:
			b = append(b, '.')
		}
		if plain(s.key) {
			b = append(b, s.key...)
		} else {
			b = append(b, shown(s.key)...)
		}
	}
	return string(b)
}

// plain reports whether a key can be shown without quotes.
func plain(key []byte) bool {
	for _, c := range key {
		if c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return 0 < len(key) && len(key) <= maxShown
}
