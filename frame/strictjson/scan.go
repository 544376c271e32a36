package strictjson

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads the text, which is valid UTF-8, from the front. The first problem
// ends the decoding: every method returns it up to Unmarshal.
type scanner struct {
	text  []byte
	at    int    // of the next byte
	depth int    // how many more objects and lists may be entered
	room  []byte // where a string with escapes is put together
	path  []step // to the value that is read
}

// step is one key or one index on the way to a value.
type step struct {
	key   []byte // nil for the entry of a list
	index int
}

func (s *scanner) errorf(offset int, format string, args ...any) error {
	return &Error{pathText(s.path), offset, fmt.Sprintf(format, args...)}
}

// space skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) space() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// take takes the byte c off, which may have white space before it.
func (s *scanner) take(c byte, where string) error {
	if s.space() != c {
		return s.errorf(s.at, "want %q %s, got %s", c, where, s.what())
	}
	s.at++
	return nil
}

// what names the value that comes next.
func (s *scanner) what() string {
	switch c := s.space(); {
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == '"':
		return "a string"
	case c == '-', '0' <= c && c <= '9':
		return "a number"
	case s.word("null"):
		return "null"
	case s.word("true"), s.word("false"):
		return "a boolean"
	case c == 0 && s.at == len(s.text):
		return "the end of the text"
	}
	r, _ := utf8.DecodeRune(s.text[s.at:])
	return fmt.Sprintf("the character %+q", r)
}

// word reports whether the text goes on with w.
func (s *scanner) word(w string) bool {
	return len(s.text)-s.at >= len(w) && string(s.text[s.at:s.at+len(w)]) == w
}

// null takes a null off if one comes next.
func (s *scanner) null() bool {
	if s.space() == 'n' && s.word("null") {
		s.at += len("null")
		return true
	}
	return false
}

// enter goes into an object or list, which begins with open.
func (s *scanner) enter(open byte, want string) error {
	if s.space() != open {
		return s.errorf(s.at, "want %s, got %s", want, s.what())
	}
	if s.depth == 0 {
		return s.errorf(s.at, "too many objects and lists inside each other")
	}
	s.depth--
	s.at++
	return nil
}

// more reports whether another member or entry comes, and takes the comma before
// it, or the end, off.
func (s *scanner) more(first bool, end byte) (bool, error) {
	c := s.space()
	switch {
	case c == end:
		s.at++
		s.depth++
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, s.errorf(s.at, "want a comma or %q, got %s", end, s.what())
	}
	s.at++
	return true, nil
}

// str takes a string off. Its bytes are valid until the next call.
func (s *scanner) str() ([]byte, error) {
	if s.space() != '"' {
		return nil, s.errorf(s.at, "want a string, got %s", s.what())
	}
	s.at++
	start := s.at
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return s.text[start : s.at-1], nil
		case c == '\\':
			s.room = append(s.room[:0], s.text[start:s.at]...)
			return s.escaped()
		case c < ' ':
			return nil, s.errorf(s.at, "a control character inside a string must be escaped")
		}
	}
	return nil, s.errorf(s.at, "the text ends inside a string")
}

// escaped goes on where the first escape of a string is.
func (s *scanner) escaped() ([]byte, error) {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return s.room, nil
		case c == '\\':
			r, err := s.escape()
			if err != nil {
				return nil, err
			}
			s.room = utf8.AppendRune(s.room, r)
		case c < ' ':
			return nil, s.errorf(s.at, "a control character inside a string must be escaped")
		default:
			s.room = append(s.room, c)
			s.at++
		}
	}
	return nil, s.errorf(s.at, "the text ends inside a string")
}

// escape takes one escaped character off.
func (s *scanner) escape() (rune, error) {
	start := s.at
	s.at++
	if s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch c {
		case '"', '\\', '/':
			return rune(c), nil
		case 'b':
			return '\b', nil
		case 'f':
			return '\f', nil
		case 'n':
			return '\n', nil
		case 'r':
			return '\r', nil
		case 't':
			return '\t', nil
		case 'u':
			r, ok := s.hex()
			if ok && utf16.IsSurrogate(r) {
				var low rune
				ok = s.word(`\u`)
				s.at += len(`\u`)
				if ok {
					low, ok = s.hex()
				}
				r = utf16.DecodeRune(r, low)
				ok = ok && r != utf8.RuneError
			}
			if ok {
				return r, nil
			}
		}
	}
	return 0, s.errorf(start, "an escape that stands for no character")
}

// hex takes the four digits of an escape off.
func (s *scanner) hex() (r rune, ok bool) {
	if len(s.text)-s.at < 4 {
		return 0, false
	}
	for _, c := range s.text[s.at : s.at+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	s.at += 4
	return r, true
}

// number takes a number off and reports whether it has neither fraction nor
// exponent.
func (s *scanner) number() (text []byte, integer bool, err error) {
	if c := s.space(); c != '-' && (c < '0' || c > '9') {
		return nil, false, s.errorf(s.at, "want a number, got %s", s.what())
	}
	start := s.at
	bad := func() ([]byte, bool, error) {
		return nil, false, s.errorf(start, "not a number: %s", shown(s.text[start:min(s.at+1, len(s.text))]))
	}
	if s.text[s.at] == '-' {
		s.at++
	}
	switch zero := s.word("0"); {
	case zero:
		s.at++
	case s.digits() == 0:
		return bad()
	}
	integer = true
	if s.word(".") {
		s.at++
		integer = false
		if s.digits() == 0 {
			return bad()
		}
	}
	if s.word("e") || s.word("E") {
		s.at++
		integer = false
		if s.word("+") || s.word("-") {
			s.at++
		}
		if s.digits() == 0 {
			return bad()
		}
	}
	return s.text[start:s.at], integer, nil
}

// digits takes digits off and returns how many.
func (s *scanner) digits() (n int) {
	for ; s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9'; s.at++ {
		n++
	}
	return n
}

// boolean takes true or false off.
func (s *scanner) boolean() (bool, error) {
	s.space()
	for _, w := range []string{"true", "false"} {
		if s.word(w) {
			s.at += len(w)
			return w == "true", nil
		}
	}
	return false, s.errorf(s.at, "want true or false, got %s", s.what())
}
