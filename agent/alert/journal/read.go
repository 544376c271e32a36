package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// DamageError is a place of a segment in which a line cannot be read any more.
type DamageError struct {
	Segment string
	Offset  int64
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("journal: segment %s is damaged at byte %d", e.Segment, e.Offset)
}

// Read passes the lines from number from on to f, until f returns false or there are no
// more. A payload is valid until f returns. Lines that are no more are left out: where one
// was found to be broken just now, the error is a *DamageError, and the lines behind it were
// passed on all the same.
func (j *Journal) Read(from uint64, f func(n uint64, payload []byte) bool) error {
	var damage error
	for again, tries := false, 0; ; {
		s, at, ok := j.find(from)
		if !ok {
			return damage
		}
		if again {
			at = 0
		}
		next, more, err := j.readSegment(&s, at, from, f)
		if again = errors.Is(err, errMoved); again {
			continue
		}
		var broken *DamageError
		switch {
		case errors.As(err, &broken):
			damage = err
		case errors.Is(err, fs.ErrNotExist) && j.trimmed(s.first):
			// It was removed after it was found.
		case errors.Is(err, fs.ErrNotExist) && exists(j.o.Files, s.path) && tries < 3:
			again, tries = true, tries+1 // a repair was between its two renames
			continue
		case err != nil:
			return fmt.Errorf("journal: %w", err)
		}
		if !more {
			return damage
		}
		from = max(next, s.last+1)
	}
}

// errMoved is returned where no line begins at a mark: a repair may have moved all lines of
// the segment.
var errMoved = errors.New("no line begins there")

// find returns what is known of the segment with line n or else with the next one, and
// where to begin in it.
func (j *Journal) find(n uint64) (s segment, at int64, ok bool) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, x := range j.segments {
		if x.last >= n && x.last >= x.first {
			return *x, x.place(n), true
		}
	}
	return segment{}, 0, false
}

// trimmed reports whether the segment with line first was removed. It waits for a removal or
// a repair that goes on.
func (j *Journal) trimmed(first uint64) bool {
	j.moving.Lock()
	defer j.moving.Unlock()
	j.mu.RLock()
	defer j.mu.RUnlock()
	return len(j.segments) == 0 || j.segments[0].first > first
}

// readSegment passes the lines of s on from byte at and number from. It returns the number
// to go on with, and whether f wants more.
func (j *Journal) readSegment(s *segment, at int64, from uint64, f func(n uint64, payload []byte) bool) (next uint64, more bool, err error) {
	file, err := j.o.Files.Open(s.path)
	if err != nil {
		return from, true, err
	}
	defer file.Close()
	in := newScanner(file, at, s.size)
	var damage error
	for next = from; ; {
		p, err := in.next()
		if errors.Is(err, io.EOF) {
			return next, true, damage
		}
		if err != nil {
			return next, true, err
		}
		n, payload, ok := parseLine(p.b)
		if !ok && at > 0 && p.at == at {
			return from, true, errMoved
		}
		if !ok {
			if _, _, _, header := parseHeader(p.b); p.at > 0 || !header {
				damage = &DamageError{s.name(), p.at}
			}
			continue
		}
		if n < next || n > s.last {
			continue
		}
		next = n + 1
		if string(payload) == lost {
			continue
		}
		if !f(n, payload) {
			return next, false, damage
		}
	}
}
