package event

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// cut returns at most the first limit bytes of s, and no part of a character.
func cut(s string, limit int) string {
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

// cutStart returns at most the last limit bytes of s, and no part of a
// character.
func cutStart(s string, limit int) string {
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

// cutList bounds texts in the form of /proc/PID/cmdline, each ended by a NUL,
// and takes the NULs from its end: those that end the last text, and the padding
// that a program leaves which writes a title over its arguments.
func cutList(s string, limit int) string { return trimNULs(cut(s, limit)) }

func trimNULs(s string) string {
	for s != "" && s[len(s)-1] == 0 {
		s = s[:len(s)-1]
	}
	return s
}

// appendLine appends the texts with a space between each two.
func appendLine(dst []byte, s string) []byte {
	line := len(dst)
	dst = append(dst, s...)
	for rest := dst[line:]; ; {
		i := bytes.IndexByte(rest, 0)
		if i < 0 {
			return dst
		}
		rest[i] = ' '
		rest = rest[i+1:]
	}
}

// appendEnds appends where each text ends in the line.
func appendEnds(dst []byte, s string) []byte {
	if s == "" {
		return dst
	}
	for end := 0; ; end++ {
		i := strings.IndexByte(s[end:], 0)
		if i < 0 {
			return binary.LittleEndian.AppendUint16(dst, uint16(len(s)))
		}
		end += i
		dst = binary.LittleEndian.AppendUint16(dst, uint16(end))
	}
}

// checkEnds holds the ends of texts against their line: between two of them lies
// at least the space.
func checkEnds(ends []byte, line int) bool {
	if len(ends)%endSize != 0 {
		return false
	}
	least := 0
	for ; len(ends) > 0; ends = ends[endSize:] {
		end := int(binary.LittleEndian.Uint16(ends))
		if end < least || end > line {
			return false
		}
		least = end + 1
	}
	return true
}
