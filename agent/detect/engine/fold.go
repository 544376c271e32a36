package engine

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"
)

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// fold returns text with no difference of case, as expr.Fold does. It returns text
// itself if there is nothing to change, and appends to buf otherwise; the second
// result is buf as it is then.
func fold(buf, text []byte) (folded, grown []byte) {
	i, n := 0, len(text)
	for ; i+16 <= n; i += 16 {
		v, w := binary.LittleEndian.Uint64(text[i:]), binary.LittleEndian.Uint64(text[i+8:])
		if (v|w)&highs|capitals(v)|capitals(w) != 0 {
			return foldFrom(buf, text, i)
		}
	}
	for ; i+8 <= n; i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		if w&highs != 0 || capitals(w) != 0 {
			return foldFrom(buf, text, i)
		}
	}
	for ; i < n; i++ {
		if c := text[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return foldFrom(buf, text, i)
		}
	}
	return text, buf
}

// capitals has the high bit of each byte set that is a capital of ASCII. All bytes
// of w are ASCII.
func capitals(w uint64) uint64 { return ((w + (0x80-'A')*ones) ^ (w + (0x7F-'Z')*ones)) & highs }

// foldFrom folds a text of which the first bytes need no change.
func foldFrom(buf, text []byte, same int) (folded, grown []byte) {
	start := len(buf)
	buf = append(buf, text...)
	i := same
	for in := buf[start:]; i+8 <= len(in); i += 8 {
		w := binary.LittleEndian.Uint64(in[i:])
		if w&highs != 0 {
			break
		}
		binary.LittleEndian.PutUint64(in[i:], w|capitals(w)>>2)
	}
	buf = buf[:start+i]
	for i < len(text) {
		c := text[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			buf = append(buf, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			buf = append(buf, c)
		} else {
			buf = utf8.AppendRune(buf, expr.FoldRune(r))
		}
		i += size
	}
	return buf[start:len(buf):len(buf)], buf
}
