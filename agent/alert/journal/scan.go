package journal

import (
	"bytes"
	"errors"
	"io"
)

// piece is what is between two line breaks of a segment.
type piece struct {
	at    int64  // where it begins
	b     []byte // without the line break; valid until the next one
	ended bool   // by a line break, and not by the end of the file
}

// scanner reads pieces up to a size that is fixed before. One goroutine at a time.
type scanner struct {
	r    io.ReaderAt
	buf  []byte
	at   int64 // where buf begins in the file
	size int64
	from int // what is consumed of buf
}

// chunk is how much a scanner reads at once.
const chunk = 256 << 10

func newScanner(r io.ReaderAt, at, size int64) *scanner {
	return &scanner{r: r, at: at, size: size}
}

// next returns the next piece, and io.EOF behind the last one. A piece that is longer than
// any line comes in parts, of which none is a line.
func (s *scanner) next() (piece, error) {
	searched := 0
	for {
		rest := s.buf[s.from:]
		if i := bytes.IndexByte(rest[searched:], '\n'); i >= 0 {
			i += searched
			p := piece{s.at + int64(s.from), rest[:i], true}
			s.from += i + 1
			return p, nil
		}
		searched = len(rest)
		end := s.at+int64(len(s.buf)) >= s.size
		if end && len(rest) == 0 {
			return piece{}, io.EOF
		}
		if end || len(rest) > MaxLine+overhead {
			p := piece{s.at + int64(s.from), rest, false}
			s.from = len(s.buf)
			return p, nil
		}
		if err := s.fill(rest); err != nil {
			return piece{}, err
		}
	}
}

// fill keeps rest, and reads more behind it.
func (s *scanner) fill(rest []byte) error {
	s.at += int64(s.from)
	more := int(min(max(chunk, int64(len(rest))), s.size-s.at-int64(len(rest))))
	if cap(s.buf) < len(rest)+more {
		buf := make([]byte, len(rest)+more)
		copy(buf, rest)
		s.buf = buf
	} else {
		copy(s.buf[:cap(s.buf)], rest)
		s.buf = s.buf[:len(rest)+more]
	}
	s.from = 0
	n, err := s.r.ReadAt(s.buf[len(rest):], s.at+int64(len(rest)))
	s.buf = s.buf[:len(rest)+n]
	if errors.Is(err, io.EOF) && n == more {
		err = nil
	}
	if errors.Is(err, io.EOF) {
		s.size = s.at + int64(len(s.buf)) // it is shorter than it was
		err = nil
	}
	return err
}
