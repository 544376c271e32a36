package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Full reports whether a new segment is due: there is none, or the last one has its size.
func (j *Journal) Full() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	n := len(j.segments)
	return n == 0 || j.segments[n-1].size >= j.o.SegmentBytes
}

// Next returns the number that the next line gets.
func (j *Journal) Next() uint64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if n := len(j.segments); n > 0 {
		return j.segments[n-1].last + 1
	}
	return 1
}

// Begin begins a segment whose first line gets the number first. What is between the last
// line and first counts as never given, but up to after as lost, where that is larger.
// head is what its owner needs of all lines before.
func (j *Journal) Begin(first, after uint64, head []byte) error {
	if err := j.begin(first, after, head); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (j *Journal) begin(first, after uint64, head []byte) (err error) {
	if !oneLine(head) {
		return ErrPayload
	}
	next := j.Next()
	if first < next {
		return fmt.Errorf("segment %d begins before the next line, %d", first, next)
	}
	if err := j.mend(); err != nil {
		return err
	}
	s := &segment{path: filepath.Join(j.dir, segmentName(first)), first: first, after: max(next-1, min(after, first-1)), last: first - 1, head: bytes.Clone(head)}
	j.mu.RLock()
	n := len(j.segments)
	empty := n > 0 && j.segments[n-1].first == first
	j.mu.RUnlock()
	if empty {
		return nil // the last one has no line yet
	}
	// An earlier attempt may have left a file of which the header is not on the disk.
	if err := j.o.Files.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := j.o.Files.Create(s.path)
	if err != nil {
		return err
	}
	b := appendHeader(nil, first, s.after, head)
	if _, err = f.Write(b); err == nil {
		if err = f.Datasync(); err == nil {
			err = j.o.Files.SyncDir(j.dir)
		}
	}
	if err != nil {
		return errors.Join(err, f.Close(), j.o.Files.Remove(s.path))
	}
	s.size = int64(len(b))
	if j.active != nil {
		_ = j.active.Close() // all of it is on the disk
	}
	j.active = f
	j.mu.Lock()
	j.segments = append(j.segments, s)
	j.mu.Unlock()
	return nil
}

func oneLine(b []byte) bool { return len(b) > 0 && len(b) <= MaxLine && !bytes.ContainsAny(b, "\n") }

// Append writes the payloads as the next lines, and returns the number of the first of them
// when all are on the disk. With an error none of them counts, and the next call has the
// same numbers.
func (j *Journal) Append(payloads [][]byte) (first uint64, err error) {
	if first, err = j.append(payloads); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	return first, nil
}

func (j *Journal) append(payloads [][]byte) (first uint64, err error) {
	if j.active == nil {
		return 0, ErrNoSegment
	}
	if err := j.mend(); err != nil {
		return 0, err
	}
	j.mu.RLock()
	s := j.segments[len(j.segments)-1]
	j.mu.RUnlock()
	same, err := sameFile(j.o.Files, j.active, s.path)
	if err != nil {
		return 0, err
	}
	if !same {
		return 0, ErrRemoved
	}
	buf, marks := j.buf[:0], []mark(nil)
	first = s.last + 1
	n, last := s.last, s.size-markEvery
	if len(s.marks) > 0 {
		last = s.marks[len(s.marks)-1].at
	}
	for _, p := range payloads {
		if !oneLine(p) {
			return 0, ErrPayload
		}
		n++
		if at := s.size + int64(len(buf)); at >= last+markEvery {
			marks, last = append(marks, mark{n, at}), at
		}
		buf = appendLine(buf, n, p)
	}
	if j.buf = buf; cap(buf) > 4*chunk {
		j.buf = nil // a large one is not kept
	}
	j.dirty = true
	if _, err := j.active.Write(buf); err != nil {
		return 0, err
	}
	if err := j.active.Datasync(); err != nil {
		return 0, err
	}
	j.dirty = false
	j.mu.Lock()
	s.last, s.size, s.marks = n, s.size+int64(len(buf)), append(s.marks, marks...)
	j.mu.Unlock()
	return first, nil
}

// mend cuts what a write that failed may have left behind.
func (j *Journal) mend() error {
	if !j.dirty {
		return nil
	}
	j.mu.RLock()
	size := j.segments[len(j.segments)-1].size
	j.mu.RUnlock()
	if err := j.active.Truncate(size); err != nil {
		return err
	}
	if err := j.active.Datasync(); err != nil {
		return err
	}
	j.dirty = false
	return nil
}
