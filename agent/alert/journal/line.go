package journal

import (
	"bytes"
	"encoding/hex"
	"hash/crc32"
	"strconv"
)

// MaxLine bounds a payload and a head, in bytes.
const MaxLine = 4 << 20

// overhead is what a line has beside its payload, at most.
const overhead = 128

// lost is the payload of a line that is no more.
const lost = "null"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The fixed parts of a line and of a header.
const (
	lineNumber  = `{"n":`
	lineCRC     = `,"crc":"`
	linePayload = `","line":`
	headFirst   = `{"journal":1,"first":`
	headAfter   = `,"after":`
	headPayload = `","head":`
)

func sum(kind byte, n, after uint64, payload []byte) uint32 {
	var b [64]byte
	p := strconv.AppendUint(append(b[:0], kind), n, 10)
	p = append(p, ',')
	if kind == 'h' {
		p = append(strconv.AppendUint(p, after, 10), ',')
	}
	return crc32.Update(crc32.Update(0, castagnoli, p), castagnoli, payload)
}

func appendSum(dst []byte, s uint32) []byte {
	b := [4]byte{byte(s >> 24), byte(s >> 16), byte(s >> 8), byte(s)}
	return hex.AppendEncode(dst, b[:])
}

// appendLine appends the line n with its end.
func appendLine(dst []byte, n uint64, payload []byte) []byte {
	dst = strconv.AppendUint(append(dst, lineNumber...), n, 10)
	dst = appendSum(append(dst, lineCRC...), sum('l', n, 0, payload))
	dst = append(append(dst, linePayload...), payload...)
	return append(dst, "}\n"...)
}

// appendHeader appends the header of a segment with its end.
func appendHeader(dst []byte, first, after uint64, head []byte) []byte {
	dst = strconv.AppendUint(append(dst, headFirst...), first, 10)
	dst = strconv.AppendUint(append(dst, headAfter...), after, 10)
	dst = appendSum(append(dst, lineCRC...), sum('h', first, after, head))
	dst = append(append(dst, headPayload...), head...)
	return append(dst, "}\n"...)
}

// parseLine reads a line without its end. The payload is part of it.
func parseLine(b []byte) (n uint64, payload []byte, ok bool) {
	p := reader{b, true}
	p.fixed(lineNumber)
	n = p.number()
	p.fixed(lineCRC)
	crc := p.sum()
	p.fixed(linePayload)
	payload = p.rest()
	return n, payload, p.ok && crc == sum('l', n, 0, payload)
}

// parseHeader reads a header without its end.
func parseHeader(b []byte) (first, after uint64, head []byte, ok bool) {
	p := reader{b, true}
	p.fixed(headFirst)
	first = p.number()
	p.fixed(headAfter)
	after = p.number()
	p.fixed(lineCRC)
	crc := p.sum()
	p.fixed(headPayload)
	head = p.rest()
	return first, after, head, p.ok && crc == sum('h', first, after, head) && after < first
}

// reader takes a line apart. ok ends with the first part that is not as it has to be.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) fixed(text string) {
	b, ok := bytes.CutPrefix(r.b, []byte(text))
	r.b, r.ok = b, r.ok && ok
}

// number reads a number in the one form that it is written in.
func (r *reader) number() (n uint64) {
	i := 0
	for ; i < len(r.b) && i < 19 && r.b[i] >= '0' && r.b[i] <= '9'; i++ {
		n = 10*n + uint64(r.b[i]-'0')
	}
	r.ok = r.ok && i > 0 && (r.b[0] != '0' || i == 1)
	r.b = r.b[i:]
	return n
}

func (r *reader) sum() (s uint32) {
	const digits = 8
	if len(r.b) < digits {
		r.ok = false
		return 0
	}
	for _, c := range r.b[:digits] {
		v := bytes.IndexByte([]byte("0123456789abcdef"), c)
		if v < 0 {
			r.ok = false
			return 0
		}
		s = s<<4 | uint32(v)
	}
	r.b = r.b[digits:]
	return s
}

// rest reads what is before the closing brace.
func (r *reader) rest() []byte {
	b, ok := bytes.CutSuffix(r.b, []byte("}"))
	r.ok = r.ok && ok && len(b) > 0
	return b
}
