package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// strictJSON reports whether b is JSON as others read it: in UTF-8, which Go's parser does
// not ask for.
func strictJSON(b []byte) bool { return utf8.Valid(b) && json.Valid(b) }

// appendLine appends JSON without line ends between its tokens, ready for a strict
// reader and for a terminal: bytes that are no UTF-8 become U+FFFD, and the characters
// that terminals obey are escaped. It returns dst alone for what is no JSON.
func appendLine(dst []byte, doc []byte) []byte {
	var compact bytes.Buffer
	if json.Compact(&compact, doc) != nil {
		return dst
	}
	for b := compact.Bytes(); len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, `\ufffd`...) // only a string may have it, so that an escape is right
		case r >= 0x7f && r <= 0x9f:
			dst = append(append(dst, `\u00`...), strconv.FormatUint(uint64(r), 16)...)
		default:
			dst = append(dst, b[:n]...)
		}
		b = b[n:]
	}
	return dst
}

// isObject reports whether a line of JSON is an object.
func isObject(line []byte) bool { return len(line) > 0 && line[0] == '{' }
