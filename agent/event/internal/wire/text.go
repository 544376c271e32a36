package wire

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Cut returns at most the first limit bytes of s, and no part of a character.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	// A character is at most 4 bytes: look no further back, because the text need
	// not be UTF-8 at all.
	for i := limit; i > limit-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:limit]
}

// CutStart returns at most the last limit bytes of s, and no part of a
// character.
func CutStart(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[len(s)-limit:]
	for i := range min(utf8.UTFMax, len(s)) {
		if utf8.RuneStart(s[i]) {
			return s[i:]
		}
	}
	return s
}

// TrimNULs returns s without the NULs at its end.
func TrimNULs(s string) string {
	for s != "" && s[len(s)-1] == 0 {
		s = s[:len(s)-1]
	}
	return s
}

// Spaced returns the texts with a space between each two.
func Spaced(s string) string { return strings.ReplaceAll(s, "\x00", " ") }

// CheckEnds holds the ends of texts against their line: between two of them lies
// at least the space.
func CheckEnds(ends []byte, line int) bool {
	if len(ends)%EndSize != 0 {
		return false
	}
	least := 0
	for ; len(ends) > 0; ends = ends[EndSize:] {
		end := int(binary.LittleEndian.Uint16(ends))
		if end < least || end > line {
			return false
		}
		least = end + 1
	}
	return true
}
