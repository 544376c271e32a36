package journal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
)

// maxFilled is the largest hole that gets a line for each number that is lost.
const maxFilled = 10_000

// repair writes what is whole in s to a new file, with null for the lines in holes, and
// keeps the old one as broken. All that is known of s is that of the new file afterwards.
func (j *Journal) repair(s *segment, holes []Range) (err error) {
	j.moving.Lock()
	defer j.moving.Unlock()
	old, err := j.o.Files.Open(s.path)
	if err != nil {
		return err
	}
	defer old.Close()
	info, err := old.Stat()
	if err != nil {
		return err
	}
	mended := s.path + newSuffix
	if err := j.o.Files.Remove(mended); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := j.o.Files.Create(mended)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := s.head
	if head == nil {
		head = []byte(lost)
	}
	w := &rewriter{f: f}
	w.buf = appendHeader(w.buf, s.first, s.after, head)
	fill := func(r Range) {
		if r.Count() > maxFilled {
			return
		}
		for n := r.From; n <= r.To; n++ {
			w.buf = appendLine(w.buf, n, []byte(lost))
			w.flush(chunk)
		}
	}
	left := slices.Clone(holes)
	again := &segment{path: s.path, first: s.first}
	if _, err := again.scan(old, info.Size(), func(n uint64, line []byte) {
		for len(left) > 0 && left[0].To < n {
			fill(left[0])
			left = left[1:]
		}
		w.buf = append(append(w.buf, line...), '\n')
		w.flush(chunk)
	}); err != nil {
		return err
	}
	for _, r := range left {
		fill(r)
	}
	if w.flush(0); w.err != nil {
		return w.err
	}
	if err := f.Datasync(); err != nil {
		return err
	}
	if err := j.quarantine(s, mended); err != nil {
		return err
	}
	after := s.after
	fresh := &segment{path: s.path, first: s.first}
	if info, err = f.Stat(); err != nil {
		return err
	}
	if _, err := fresh.scan(f, info.Size(), nil); err != nil {
		return err
	}
	fresh.after = after
	j.mu.Lock()
	*s = *fresh
	j.mu.Unlock()
	return nil
}

// quarantine gives the file of s the name of a broken one, and its own to mended.
func (j *Journal) quarantine(s *segment, mended string) error {
	files := j.o.Files
	if err := files.Rename(s.path, s.path+brokenSuffix); err != nil {
		return err
	}
	if err := files.Rename(mended, s.path); err != nil {
		return err
	}
	if err := files.SyncDir(j.dir); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if name := s.name() + brokenSuffix; !slices.Contains(j.broken, name) {
		j.broken = append(j.broken, name)
		slices.Sort(j.broken)
	}
	for len(j.broken) > j.o.MaxBroken {
		if err := files.Remove(filepath.Join(j.dir, j.broken[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		j.broken = j.broken[1:]
	}
	return nil
}

// rewriter collects what goes to a file. The first error stays.
type rewriter struct {
	f   File
	buf []byte
	err error
}

// flush writes what was collected once that is at least size bytes.
func (w *rewriter) flush(size int) {
	if len(w.buf) < size || w.err != nil {
		return
	}
	_, w.err = w.f.Write(w.buf)
	w.buf = w.buf[:0]
}

// Verify reads all segments but the one that is written to, and repairs what is damaged. It
// returns the numbers that are lost beyond those that are known, and the broken segments. It
// may run beside everything else.
func (j *Journal) Verify() (r Recovered, err error) {
	j.mu.RLock()
	segments := slices.Clone(j.segments)
	j.mu.RUnlock()
	for _, s := range segments[:max(len(segments)-1, 0)] {
		file, err := j.o.Files.Open(s.path)
		if err != nil {
			return r, err
		}
		again := &segment{path: s.path, first: s.first}
		info, err := file.Stat()
		var f findings
		if err == nil {
			f, err = again.scan(file, info.Size(), nil)
		}
		if err = errors.Join(err, file.Close()); err != nil {
			return r, err
		}
		if f.torn > 0 {
			f.broken++
		}
		if again.last < s.last {
			f.holes = append(f.holes, Range{again.last + 1, s.last})
		}
		r.Segments, r.Lines, r.Bytes = r.Segments+1, r.Lines+f.lines, r.Bytes+info.Size()
		if f.damaged() {
			r.Broken, r.Lost = append(r.Broken, s.name()), append(r.Lost, f.holes...)
			if again.head == nil {
				again.head = s.head
			}
			again.after = s.after
			if err := j.repair(s, f.holes); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// ReadBroken returns the names of the broken files that are kept, as they are now: an
// operator may have removed some.
func (j *Journal) ReadBroken() ([]string, error) {
	entries, err := j.o.Files.ReadDir(j.dir)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if name := e.Name(); filepath.Ext(name) == brokenSuffix {
			all = append(all, name)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = all
	return slices.Clone(all), nil
}
