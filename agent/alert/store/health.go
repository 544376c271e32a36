package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert/journal"
)

// State grades health; a larger one is worse.
type State uint8

// The states.
const (
	Healthy State = iota
	Degraded
	Unhealthy
)

// Health is how the store is, and why.
type Health struct {
	State  State
	Reason string
}

// dropTime is how long alerts that found no room count for the health.
const dropTime = 10 * time.Minute

// trouble is what Health reports.
//
// One goroutine at a time.
type trouble struct {
	err     error     // why the disk cannot be written now, nil where it can
	since   time.Time // when that began
	broken  []string  // files that are kept because they are damaged
	lost    uint64    // lines that are no more, found since Open
	removed int       // how often the data directory was removed
	index   error     // why there is no index, nil where there is one
	rebuilt int       // how often the index was made again
	cut     int64     // bytes of an unfinished line that Open found
	mended  []string  // what else was mended, for Stats
	drops   uint64    // alerts that found no room, as of the last look
	dropped time.Time // when the last one did not
}

// found notes and logs what opening the data directory found.
func (t *trouble) found(f *found, s journal.Stats, log *slog.Logger) {
	t.broken = s.Broken
	for _, r := range f.journal.Lost {
		t.lost += r.Count()
	}
	note := func(text string, args ...any) {
		t.mended = append(t.mended, text)
		log.Warn("alert store: "+text, args...)
	}
	if t.cut += f.journal.Cut; f.journal.Cut > 0 {
		log.Info("alert store: a line that was never finished was cut", "bytes", f.journal.Cut)
	}
	if len(f.journal.Broken) > 0 {
		note("damaged segments were kept, and what is whole in them goes on", "segments", f.journal.Broken, "lost", f.journal.Lost)
	} else if len(f.journal.Lost) > 0 {
		note("lines of the journal are missing", "lost", f.journal.Lost)
	}
	if f.ahead > 0 {
		t.lost += f.ahead - min(s.Last, f.ahead)
		note("the end of the journal is missing", "last", s.Last, "known", f.ahead)
	}
	if f.head {
		note("silences and cursors that were made before the journal begins are lost")
	}
	if f.version {
		note("the version file was damaged, and written again")
	}
	if f.index != nil {
		t.rebuilt++
		note("the index was made again from the journal", "because", f.index)
	}
}

// Health returns how the store is.
func (s *Store) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.trouble
	h := Health{}
	var reasons []string
	add := func(state State, format string, args ...any) {
		h.State = max(h.State, state)
		reasons = append(reasons, fmt.Sprintf(format, args...))
	}
	if s.memory.total > t.drops {
		t.drops, t.dropped = s.memory.total, time.Now()
	}
	if !t.dropped.IsZero() && time.Since(t.dropped) < dropTime {
		add(Unhealthy, "%d alerts found no room in memory and are lost: mend the disk, or raise alerts.memory", s.memory.total)
	}
	if t.err != nil {
		add(Degraded, "since %s %s cannot be used: %v; alerts go on in memory, where %s to be written (%s)",
			t.since.UTC().Format(time.RFC3339), s.o.Dir, t.err, plural(len(s.lines), "line waits", "lines wait"), mendOf(t.err))
	}
	if n := s.reads.late.Load(); n > 0 {
		add(Degraded, "%s of %s: what asks for alerts has no answer (%s)", plural(int(n), "read does not return", "reads do not return"), s.o.Dir, mendOf(ErrStalled))
	}
	if !s.attached {
		add(Degraded, "until it can be read, what was raised before this start is not known, nor are silences, nor how far outputs were")
	}
	if n := len(t.broken); n > 0 {
		add(Degraded, "the journal was damaged: %s kept in %s, look at them and remove them", plural(n, "file is", "files are"), s.o.Dir+"/"+journalName)
	}
	if t.lost > 0 {
		add(Degraded, "%s of the journal lost", plural(int(min(t.lost, 1<<40)), "line is", "lines are"))
	}
	if t.removed > 0 {
		add(Degraded, "the data directory was removed, with the alerts that were in it")
	}
	if t.index != nil {
		add(Degraded, "no index, so that queries read the whole journal: %v", t.index)
	}
	h.Reason = strings.Join(reasons, "; ")
	return h
}

// mends are what an operator can do about a failure of the disk.
var mends = []struct {
	err  error
	mend string
}{
	{ErrStalled, "see whether the disk or mount works or is only slow: the kernel's messages, a server that is away, a frozen file system, a large journal that is being opened"},
	{ErrNewer, "start the version that made it, or move it away"},
	{unix.ENOSPC, "make room on its file system, or lower alerts.max_size"},
	{unix.EDQUOT, "raise the quota, or lower alerts.max_size"},
	{unix.EROFS, "mount its file system so that it can be written"},
	{fs.ErrPermission, "give it to the user of the agent"},
	{unix.EIO, "see what the kernel reports of the disk"},
	{unix.ENOTDIR, "remove the file that is in its place"},
}

// mendOf returns what can be done about err.
func mendOf(err error) string {
	var used *InUseError
	if errors.As(err, &used) {
		return "stop the other process, or give each its own alerts.data_dir"
	}
	for _, m := range mends {
		if errors.Is(err, m.err) {
			return m.mend
		}
	}
	return "see whether it can be read and written"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Stats are the figures of a store.
type Stats struct {
	First, Last uint64 // numbers of lines on the disk
	Segments    int
	Bytes       int64
	Alerts      uint64 // in the index
	Waiting     int    // lines in memory
	WaitingSize int64  // bytes that they and what is queued take
	Folds       int    // alerts that count repeats
	Evicted     uint64 // that had to stop counting for want of room
	Bursts      uint64 // alerts beyond what their rule may raise
	Dropped     uint64 // alerts that found no room
	Lost        uint64 // lines that are no more
	Cut         int64  // bytes of a line that was never finished
	Broken      []string
	Rebuilt     int // how often the index was made again
	Mended      []string
}

// Stats returns the figures.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	t := &s.trouble
	x := Stats{
		Waiting: len(s.lines), WaitingSize: s.memory.used, Folds: len(s.folds.byKey), Evicted: s.folds.evicted, Bursts: s.bursts.total,
		Dropped: s.memory.total, Lost: t.lost, Cut: t.cut, Broken: t.broken, Rebuilt: t.rebuilt, Mended: append([]string(nil), t.mended...),
	}
	d, stalled := s.disk, errors.Is(t.err, ErrStalled)
	s.mu.Unlock()
	if d == nil {
		return x
	}
	j := d.journal.Stats()
	x.First, x.Last, x.Segments, x.Bytes = j.First, j.Last, j.Segments, j.Bytes
	if index := s.indexOf(d); index != nil && !stalled {
		x.Alerts, _ = patiently(&s.reads, s.o.Patience, func() (uint64, error) { return index.Count(alertBucket) }) // a damaged one is found by the check
	}
	return x
}

// missing reports whether err is that of a file that is not there any more.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ESTALE)
}

// Times of tries to write.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// failed notes that the disk could not be written.
func (s *Store) failed(err error) {
	w := &s.writer
	w.retry = time.Now().Add(min(firstRetry<<min(w.failures, 10), lastRetry))
	w.failures++
	s.mu.Lock()
	first := s.trouble.err == nil
	if first {
		s.trouble.since = s.o.Now()
	}
	s.trouble.err = err
	s.mu.Unlock()
	if first {
		s.o.Log.Error("alert store: alerts go on in memory", "dir", s.o.Dir, "because", err, "hint", mendOf(err))
	}
}

// healed notes that the disk could be written again.
func (s *Store) healed() {
	s.writer.failures = 0
	s.mu.Lock()
	since, n := s.trouble.since, len(s.lines)
	s.trouble.err = nil
	again := s.trouble.index
	s.mu.Unlock()
	if again != nil {
		s.dropIndex(again) // it can be made now
	}
	s.o.Log.Info("alert store: the disk can be written again", "failed_since", since, "lines", n)
}
