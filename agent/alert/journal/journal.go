package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Errors of a journal.
var (
	// ErrRemoved is returned when the file that is written to is not the one that has its
	// name any more. The journal has to be opened again.
	ErrRemoved = errors.New("the segment was removed or replaced")
	// ErrPayload is returned for a payload that is empty, too long or of several lines.
	ErrPayload = errors.New("not one line")
	// ErrNoSegment is returned by Append before the first Begin.
	ErrNoSegment = errors.New("no segment was begun")
)

// Options of a journal. The zero Options are the defaults.
type Options struct {
	// SegmentBytes is the size at which Full reports that a new segment is due; 0: 4 MiB.
	SegmentBytes int64
	// MaxBroken is how many broken files are kept; 0: 16.
	MaxBroken int
	Files     Files // nil: Disk
	// ReadOnly has Open change nothing: what it would mend is only reported.
	ReadOnly bool
}

func (o *Options) defaults() {
	o.SegmentBytes = cmp.Or(o.SegmentBytes, 4<<20)
	o.MaxBroken = cmp.Or(o.MaxBroken, 16)
	if o.Files == nil {
		o.Files = Disk{}
	}
}

// Recovered is what Open found.
type Recovered struct {
	Segments, Lines int
	Bytes           int64
	// Cut are the bytes of a last line without its end. It was never reported as written.
	Cut int64
	// Broken are the segments with damage that this Open found.
	Broken []string
	// Lost are the numbers of lines that are no more, but for those before the first.
	Lost []Range
}

// Journal is a directory of segments. See the package for who may do what.
type Journal struct {
	dir    string
	o      Options
	active File // of the last segment; nil before the first Begin; owned by who appends
	// dirty is set after an error: behind what is durable there may be more; owned by who
	// appends.
	dirty bool
	buf   []byte // owned by who appends

	// moving is held while whole files are removed or replaced. It guards no field.
	moving sync.Mutex

	mu       sync.RWMutex
	segments []*segment // guarded by mu; the oldest first
	broken   []string   // guarded by mu; names of the files that are kept
}

// Open reads the journal in dir, which is made where it is missing, and mends what it can.
func Open(dir string, o Options) (*Journal, Recovered, error) {
	o.defaults()
	j := &Journal{dir: dir, o: o}
	r, err := j.open()
	if err != nil {
		return nil, r, fmt.Errorf("journal: %w", err)
	}
	return j, r, nil
}

func (j *Journal) open() (r Recovered, err error) {
	if !j.o.ReadOnly {
		if err := j.o.Files.MkdirAll(j.dir); err != nil {
			return r, err
		}
	}
	names, err := j.list()
	if err != nil {
		return r, err
	}
	for i, name := range names {
		s, f, err := j.load(name, i == len(names)-1)
		if err != nil {
			return r, err
		}
		if f.torn > 0 {
			r.Cut += f.torn
		}
		if s == nil {
			continue
		}
		if f.damaged() {
			r.Broken = append(r.Broken, name)
		}
		if n := len(j.segments); n > 0 && s.after > j.segments[n-1].last {
			r.Lost = append(r.Lost, Range{j.segments[n-1].last + 1, s.after})
		}
		r.Lost = append(r.Lost, f.holes...)
		r.Segments, r.Lines, r.Bytes = r.Segments+1, r.Lines+f.lines, r.Bytes+s.size
		j.segments = append(j.segments, s)
	}
	if n := len(j.segments); n > 0 && !j.o.ReadOnly {
		if j.active, err = j.o.Files.Append(j.segments[n-1].path); err != nil {
			return r, err
		}
	}
	return r, nil
}

// list returns the names of the segments in their order, and removes what an interrupted
// repair left behind.
func (j *Journal) list() (names []string, err error) {
	entries, err := j.o.Files.ReadDir(j.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if _, ok := firstOf(name); ok {
			names = append(names, name)
		}
		if strings.HasSuffix(name, brokenSuffix) {
			j.broken = append(j.broken, name)
			// A repair may have been interrupted between its two renames.
			if _, err := j.o.Files.Stat(filepath.Join(j.dir, strings.TrimSuffix(name, brokenSuffix))); errors.Is(err, fs.ErrNotExist) && !j.o.ReadOnly {
				if mended := filepath.Join(j.dir, strings.TrimSuffix(name, brokenSuffix)+newSuffix); exists(j.o.Files, mended) {
					if err := j.o.Files.Rename(mended, strings.TrimSuffix(mended, newSuffix)); err != nil {
						return nil, err
					}
					names = append(names, strings.TrimSuffix(name, brokenSuffix))
				}
			}
		}
	}
	slices.Sort(names)
	slices.Sort(j.broken)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix+newSuffix) && !j.o.ReadOnly {
			if err := j.o.Files.Remove(filepath.Join(j.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	return slices.Compact(names), nil
}

func exists(f Files, name string) bool {
	_, err := f.Stat(name)
	return err == nil
}

// load reads a segment, and mends it. It returns no segment for a file in which none was
// ever begun.
func (j *Journal) load(name string, last bool) (s *segment, f findings, err error) {
	first, _ := firstOf(name)
	s = &segment{path: filepath.Join(j.dir, name), first: first}
	file, err := j.o.Files.Open(s.path)
	if err != nil {
		return nil, f, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, f, err
	}
	if f, err = s.scan(file, info.Size(), nil); err != nil {
		return nil, f, err
	}
	if !last && f.torn > 0 { // the next one was begun behind a whole line
		f.broken, f.torn = f.broken+1, 0
	}
	switch {
	case !f.header && f.lines == 0 && f.broken == 0 && last && f.tail == 0: // its header was never written
		if f.torn == 0 && info.Size() > 0 {
			f.header, f.broken = false, 1 // an ended piece that is no header
			break
		}
		if j.o.ReadOnly {
			return nil, f, nil
		}
		return nil, f, errors.Join(j.o.Files.Remove(s.path), j.o.Files.SyncDir(j.dir))
	case !f.damaged() && (f.torn > 0 || f.bare):
		if j.o.ReadOnly {
			return s, f, nil
		}
		return s, f, j.cutTail(s, f.bare)
	}
	if !f.damaged() {
		return s, f, nil
	}
	if f.tail > 0 {
		f.holes = append(f.holes, Range{s.last + 1, s.last + f.tail})
	}
	if j.o.ReadOnly {
		s.last += f.tail
		return s, f, nil
	}
	return s, f, j.repair(s, f.holes)
}

// cutTail cuts what is behind the last whole line of s, and ends that line where it is
// bare.
func (j *Journal) cutTail(s *segment, bare bool) (err error) {
	f, err := j.o.Files.Append(s.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if bare {
		if err := f.Truncate(s.size - 1); err != nil {
			return err
		}
		if _, err := f.Write([]byte("\n")); err != nil {
			return err
		}
	} else if err := f.Truncate(s.size); err != nil {
		return err
	}
	return f.Datasync()
}

// Close releases the file that is written to. Everything written is on the disk already.
func (j *Journal) Close() error {
	if j.active == nil {
		return nil
	}
	err := j.active.Close()
	j.active = nil
	return err
}

// Stats are what a journal holds.
type Stats struct {
	Segments    int
	Bytes       int64
	First, Last uint64   // numbers; Last is First-1 where there is no line
	Broken      []string // files that are kept because they are damaged
}

// Stats returns what the journal holds now.
func (j *Journal) Stats() (s Stats) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s = Stats{Segments: len(j.segments), First: 1, Broken: slices.Clone(j.broken)}
	for i, x := range j.segments {
		if i == 0 {
			s.First = x.first
		}
		s.Bytes, s.Last = s.Bytes+x.size, x.last
	}
	return s
}

// Head returns the head of the oldest segment, nil for none, and the number of the line
// before it.
func (j *Journal) Head() (head []byte, after uint64) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if len(j.segments) == 0 {
		return nil, 0
	}
	return j.segments[0].head, j.segments[0].after
}

// LastHead returns the newest head that is whole, nil for none, and the number of the first
// line behind it.
func (j *Journal) LastHead() (head []byte, first uint64) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for i := len(j.segments) - 1; i >= 0; i-- {
		if s := j.segments[i]; s.head != nil && !s.headless {
			return s.head, s.first
		}
	}
	return nil, 0
}

// sameFile reports whether the open file still has its name.
func sameFile(files Files, f File, path string) (bool, error) {
	open, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := files.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(open, named), nil
}
