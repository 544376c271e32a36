package event

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// cut returns at most the first limit bytes of s, and no part of a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	// A character is at most 4 bytes: look no further back, for the text need
	// not be UTF-8 at all.
	for i := limit; i > limit-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:limit]
}

// cutCommandLine bounds a command line in the form of /proc/PID/cmdline, each
// argument ended by a NUL, and takes the NULs from its end: those that end the
// last argument, and the padding that a program leaves which writes a title
// over its arguments.
func cutCommandLine(s string) string {
	return strings.TrimRight(cut(s, MaxCommandLine), "\x00")
}

// appendCommandLine appends the arguments with a space between each two.
func appendCommandLine(dst []byte, s string) []byte {
	start := len(dst)
	dst = append(dst, s...)
	for i := start; i < len(dst); i++ {
		if dst[i] == 0 {
			dst[i] = ' '
		}
	}
	return dst
}

// appendArgEnds appends where each argument ends in the command line.
func appendArgEnds(dst []byte, s string) []byte {
	if s == "" {
		return dst
	}
	for i := range len(s) {
		if s[i] == 0 {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(i))
		}
	}
	return binary.LittleEndian.AppendUint16(dst, uint16(len(s)))
}
