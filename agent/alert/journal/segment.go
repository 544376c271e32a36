package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	suffix       = ".jsonl"
	brokenSuffix = ".broken"
	newSuffix    = ".new"
	nameDigits   = 20
)

func segmentName(first uint64) string { return fmt.Sprintf("%0*d%s", nameDigits, first, suffix) }

// firstOf returns the number in the name of a segment.
func firstOf(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != nameDigits {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	return n, err == nil && n > 0
}

// segment is what is known of one file.
type segment struct {
	path         string
	first, after uint64
	last         uint64 // first-1 where it has no line
	size         int64  // bytes that are on the disk
	marks        []mark // where to begin to read
	head         []byte
	headless     bool // the head was lost: the one that is there is empty
}

// mark is the place of a line in its file.
type mark struct {
	n  uint64
	at int64
}

// markEvery is how far apart two marks are, in bytes.
const markEvery = 32 << 10

// note remembers where line n lies, if no other mark is near.
func (s *segment) note(n uint64, at int64) {
	if len(s.marks) == 0 || at >= s.marks[len(s.marks)-1].at+markEvery {
		s.marks = append(s.marks, mark{n, at})
	}
}

// place returns where to begin to read for line n.
func (s *segment) place(n uint64) int64 {
	at := int64(0)
	for i := len(s.marks) - 1; i >= 0; i-- {
		if s.marks[i].n <= n {
			return s.marks[i].at
		}
	}
	return at
}

// Range are numbers of lines, both ends among them.
type Range struct{ From, To uint64 }

// Count returns how many lines these are.
func (r Range) Count() uint64 { return r.To - r.From + 1 }

// findings are what a scan of a segment found beside its lines.
type findings struct {
	header bool    // it is whole
	broken int     // pieces that are no line
	holes  []Range // numbers that are not there
	torn   int64   // bytes of a last line without its end, not among broken
	bare   bool    // the last line is whole, but for its line break
	lines  int     // that are whole
	tail   uint64  // lines that the broken pieces behind the last whole line were
	gone   uint64  // lines that an earlier repair found to be lost
}

func (f *findings) damaged() bool { return !f.header || f.broken > 0 }

// scan reads the whole segment, and sets all that is known of it. keep, where set, gets
// each whole line with its bytes.
func (s *segment) scan(r io.ReaderAt, size int64, keep func(n uint64, line []byte)) (f findings, err error) {
	in := newScanner(r, 0, size)
	s.marks, s.head, s.size = nil, nil, 0
	s.last = s.first - 1
	s.after = s.last
	for {
		p, err := in.next()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, err
		}
		if p.at == 0 {
			first, after, head, ok := parseHeader(p.b)
			if ok && first == s.first {
				s.after, s.head, f.header = after, append([]byte(nil), head...), true
				s.size, f.bare = int64(len(p.b))+1, !p.ended
				s.headless = string(head) == lost
				continue
			}
		}
		n, payload, ok := parseLine(p.b)
		size := p.at + int64(len(p.b)) + 1
		if !ok && !p.ended && len(p.b) > 0 { // with another byte in the place of its line break
			if n, payload, ok = parseLine(p.b[:len(p.b)-1]); ok {
				p.b, size = p.b[:len(p.b)-1], size-1
			}
		}
		switch {
		case ok && n > s.last:
			if n > s.last+1 {
				f.holes = append(f.holes, Range{s.last + 1, n - 1})
			}
			if string(payload) == lost {
				f.gone++
			}
			s.note(n, p.at)
			s.last, f.lines, f.bare, f.tail = n, f.lines+1, !p.ended, 0
			s.size = size
			if keep != nil {
				keep(n, p.b)
			}
		case !p.ended && p.at+int64(len(p.b)) == in.size:
			f.torn = int64(len(p.b))
		case p.at > 0: // a broken header is counted as that
			f.broken++
			f.tail += uint64(max(1, bytes.Count(p.b, []byte(lineNumber)))) // a changed line break joins two
		default:
			f.tail += uint64(bytes.Count(p.b, []byte(lineNumber)))
		}
	}
}

func (s *segment) name() string { return filepath.Base(s.path) }
