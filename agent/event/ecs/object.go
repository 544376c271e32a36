package ecs

import (
	"unicode/utf8"
)

// object appends the members of one JSON object and of those below it. It knows
// from the last byte whether a comma is due.
type object struct {
	b    []byte
	open [8]string // the objects that are open, the outermost first
	n    int
}

// comma separates from the element before, if there is one.
func (j *object) comma() {
	switch j.b[len(j.b)-1] {
	case '{', '[', ':':
	default:
		j.b = append(j.b, ',')
	}
}

// key appends a key that needs no escaping.
func (j *object) key(name string) {
	j.comma()
	j.b = append(append(append(j.b, '"'), name...), '"', ':')
}

// member appends the key at the end of a path, and before it closes and opens
// objects as the path asks for.
func (j *object) member(path []string) {
	last := len(path) - 1
	same := 0
	for same < j.n && same < last && j.open[same] == path[same] {
		same++
	}
	j.rise(same)
	for _, name := range path[same:last] {
		j.key(name)
		j.b = append(j.b, '{')
		j.open[j.n] = name
		j.n++
	}
	j.key(path[last])
}

// rise closes objects until n are open.
func (j *object) rise(n int) {
	for ; j.n > n; j.n-- {
		j.b = append(j.b, '}')
	}
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string. Beyond what JSON demands it escapes
// DEL and the C1 controls, which terminals obey like their ESC sequences.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	plain := 0 // s[plain:i] needs no escaping and has not been appended
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			if r, size = utf8.DecodeRune(s[i:]); r > 0x9f && (r != utf8.RuneError || size > 1) {
				i += size
				continue
			}
		}
		dst = append(dst, s[plain:i]...)
		dst = appendEscaped(dst, r)
		i += size
		plain = i
	}
	return append(append(dst, s[plain:]...), '"')
}

func appendEscaped(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case utf8.RuneError:
		return append(dst, `\ufffd`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[r>>4&0xf], hexDigits[r&0xf])
}
