package event

import (
	"strconv"
	"unicode/utf8"
)

// object appends JSON. It knows from the last byte whether a comma is due, and
// trusts its caller to close what was opened.
type object struct{ b []byte }

// comma separates from the element before, if there is one.
func (j *object) comma() {
	switch j.b[len(j.b)-1] {
	case '{', '[', ':':
	default:
		j.b = append(j.b, ',')
	}
}

// key appends a key; keys are constants and need no escaping.
func (j *object) key(name string) {
	j.comma()
	j.b = append(append(append(j.b, '"'), name...), '"', ':')
}

// open begins an object under a key, or the outermost one under no key.
func (j *object) open(name string) {
	if name != "" {
		j.key(name)
	}
	j.begin('{')
}

func (j *object) close()          { j.end('}') }
func (j *object) begin(open byte) { j.b = append(j.b, open) }
func (j *object) end(shut byte)   { j.b = append(j.b, shut) }

func (j *object) num(name string, n uint64) {
	j.key(name)
	j.b = strconv.AppendUint(j.b, n, 10)
}

// str appends a member whose value is a constant and needs no escaping.
func (j *object) str(name, value string) {
	j.key(name)
	j.b = append(append(append(j.b, '"'), value...), '"')
}

// list appends a member that is a list of one constant.
func (j *object) list(name, value string) {
	j.key(name)
	j.b = append(append(append(j.b, '[', '"'), value...), '"', ']')
}

// text appends a member whose value is text from outside.
func (j *object) text(name string, value []byte) {
	j.key(name)
	j.b = appendQuoted(j.b, value)
}

// optional is text, left out when there is none.
func (j *object) optional(name string, value []byte) {
	if len(value) > 0 {
		j.text(name, value)
	}
}

// item appends text from outside as the next element of a list.
func (j *object) item(value []byte) {
	j.comma()
	j.b = appendQuoted(j.b, value)
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
