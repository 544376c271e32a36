package display

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendJSON appends the JSON text src in a form that any reader takes and that does
// nothing to a terminal. Bytes that are not UTF-8, and halves of surrogate pairs, which
// stand for no character, are replaced by U+FFFD. Characters that a terminal would obey
// or hide are escaped. All other text keeps its meaning. src must be valid JSON, but for
// its encoding.
func AppendJSON(dst, src []byte) []byte {
	plain := 0 // src[plain:i] is right as it is, and has not been appended
	for i := 0; i < len(src); {
		c := src[i]
		if c < 0x7f && c != '\\' {
			i++
			continue
		}
		size, escape := 1, rune(-1)
		switch {
		case c == '\\':
			size, escape = escaped(src[i:])
		case c == 0x7f:
			escape = 0x7f
		default:
			var r rune
			if r, size = utf8.DecodeRune(src[i:]); r == utf8.RuneError && size == 1 || obeyed(r) {
				escape = r
			}
		}
		if escape >= 0 {
			dst = appendEscape(append(dst, src[plain:i]...), escape)
			plain = i + size
		}
		i += size
	}
	return append(dst, src[plain:]...)
}

// JSONLine returns v as JSON on one line, with its end, as AppendJSON writes it.
func JSONLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // command lines are full of these characters
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return AppendJSON(nil, b.Bytes()), nil
}

// escaped returns the length of the escape sequence at the start of b, and what to write
// in its place; -1 for nothing.
func escaped(b []byte) (size int, instead rune) {
	high, ok := hexRune(b)
	switch {
	case !ok:
		return min(2, len(b)), -1
	case !utf16.IsSurrogate(high):
		return 6, -1
	}
	if low, ok := hexRune(b[6:]); ok && utf16.DecodeRune(high, low) != utf8.RuneError {
		return 12, -1
	}
	return 6, utf8.RuneError
}

// hexRune reads \uXXXX at the start of b.
func hexRune(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func appendEscape(dst []byte, r rune) []byte {
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return appendEscape(appendEscape(dst, high), low)
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&0xf], digits[r>>8&0xf], digits[r>>4&0xf], digits[r&0xf])
}

// Depth returns how deeply the objects and lists of a JSON text lie in each other.
func Depth(b []byte) int {
	depth, deepest, text := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
