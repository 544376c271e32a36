package store

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// Options of a store. The zero Options, but for Dir, are the defaults.
type Options struct {
	// Dir is the data directory, see DefaultDir.
	Dir string
	// SegmentBytes is the size of a segment; 0: 4 MiB, and at most a quarter of MaxBytes.
	SegmentBytes int64
	Limits       Limits
	// CheckEvery is how often the index is compared with the journal; 0: 1 hour.
	CheckEvery time.Duration
	Log        *slog.Logger // nil: slog.Default
	// OnRaised, where set, is called for each alert after its line is on the disk, in the
	// order of their numbers, by one goroutine. A silenced alert has Silenced set. It must
	// not call the store. While the disk cannot be written it is called all the same, see
	// Health.
	OnRaised func(alert.Record)
	// Files is where the journal lies; nil: the disk.
	Files journal.Files
	// Now is the clock of the host; nil: time.Now.
	Now func() time.Time
}

// Limits are the bounds of a store that may change while it is open.
type Limits struct {
	// MaxBytes bounds the journal: the oldest segments go; 0: 64 MiB.
	MaxBytes int64
	// MaxAge is how long a segment is kept after its last line; 0: 90 days.
	MaxAge time.Duration
	// MemoryBytes bounds the alerts that are not on the disk yet; 0: 16 MiB. A rule may have
	// a quarter of it.
	MemoryBytes int64
	// Folds is how many alerts count repeats at a time; 0: 10,000. A rule may have a
	// quarter of them.
	Folds int
	// Burst is how many alerts a rule may raise in BurstWindow, 0: 500 in 10 minutes. Those
	// beyond it count as repeats of one alert of that rule. Negative is no limit.
	Burst       int
	BurstWindow time.Duration
}

func (l *Limits) defaults() {
	l.MaxBytes = cmp.Or(l.MaxBytes, 64<<20)
	l.MaxAge = cmp.Or(l.MaxAge, 90*24*time.Hour)
	l.MemoryBytes = cmp.Or(l.MemoryBytes, 16<<20)
	l.Folds = cmp.Or(l.Folds, 10_000)
	l.Burst = cmp.Or(l.Burst, 500)
	l.BurstWindow = cmp.Or(l.BurstWindow, 10*time.Minute)
}

// SetLimits has l hold from now on. What is beyond it goes soon.
func (s *Store) SetLimits(l Limits) {
	l.defaults()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = l
	s.memory.max, s.folds.max = l.MemoryBytes, l.Folds
	s.bursts.limit, s.bursts.window = l.Burst, l.BurstWindow
}

func (o *Options) defaults() {
	o.Limits.defaults()
	o.SegmentBytes = min(cmp.Or(o.SegmentBytes, 4<<20), max(o.Limits.MaxBytes/4, 1<<10))
	o.CheckEvery = cmp.Or(o.CheckEvery, time.Hour)
	o.Log = cmp.Or(o.Log, slog.Default())
	if o.Files == nil {
		o.Files = journal.Disk{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Store keeps alerts. See the package.
//
// Safe for concurrent use.
type Store struct {
	o    Options
	wake chan struct{} // has room for one
	quit chan struct{}
	// recheck asks for a check; it has room for one.
	recheck chan struct{}
	work    sync.WaitGroup // the writer and the checker

	mu      sync.Mutex
	closed  bool          // guarded by mu
	queue   []*item       // guarded by mu; not numbered yet
	lines   []*line       // guarded by mu; numbered, not on the disk
	next    uint64        // guarded by mu; the number of the next line
	shown   uint64        // guarded by mu; the last line that took effect
	records uint64        // guarded by mu; the last record that took effect
	changed chan struct{} // guarded by mu; closed with the next record

	memory  memory            // guarded by mu
	bursts  bursts            // guarded by mu
	folds   *foldTable        // guarded by mu
	ids     idSource          // guarded by mu
	state   *ledger.State     // guarded by mu; after all lines that took effect
	cursors map[string]uint64 // guarded by mu; set, and not in a line yet
	newer   catalog           // guarded by mu; took effect, and not in the index
	limits  Limits            // guarded by mu
	// attached says that the data directory was open before. Guarded by mu.
	attached bool
	disk     *disk   // guarded by mu; written by the writer; nil while it cannot be opened
	trouble  trouble // guarded by mu
	// writing is when the write that goes on began, the zero time where none does. Guarded
	// by mu.
	writing time.Time

	writer writer // owned by the writer
}

// ErrClosed is returned by a store that was closed.
var ErrClosed = errors.New("alert store: closed")

// Open opens the data directory, makes it where it is missing, mends what a crash or a
// damaged file left, and starts the goroutine that writes. Close has to be called.
//
// Errors to act on are ErrNewer and *InUseError. A directory that cannot be made, read or
// written for another reason is no error: alerts go on in memory, Health says so, and the
// directory is tried again.
func Open(ctx context.Context, o Options) (*Store, error) {
	o.defaults()
	s := &Store{
		o: o, wake: make(chan struct{}, 1), quit: make(chan struct{}), recheck: make(chan struct{}, 1), changed: make(chan struct{}),
		next: 1, folds: newFoldTable(o.Limits.Folds), state: &ledger.State{}, cursors: map[string]uint64{}, newer: newCatalog(),
		memory: memory{dropped: map[string]uint64{}},
	}
	s.SetLimits(o.Limits)
	if err := s.attach(); err != nil {
		var used *InUseError
		if errors.Is(err, ErrNewer) || errors.As(err, &used) {
			return nil, err
		}
		// Numbers of this run have to be above those that cannot be read.
		s.next = uint64(max(o.Now().UnixMilli(), 1))
		s.shown, s.records = s.next-1, s.next-1
		s.failed(err)
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, s.detach())
	}
	s.work.Go(s.write)
	s.work.Go(s.check)
	return s, nil
}

// closeTime is how long Close waits for a disk that neither writes nor fails.
const closeTime = 10 * time.Second

// Close writes what is in memory, and closes the store. What cannot be written is lost, and
// the error says how much. Other calls return ErrClosed from then on, and those that wait
// return. It may be called again. It waits for some seconds at most.
func (s *Store) Close() error {
	s.mu.Lock()
	first := !s.closed
	if first {
		s.closed = true
		close(s.changed)
		close(s.quit)
	}
	s.mu.Unlock()
	done := make(chan error, 1)
	go func() { // ends when the disk returns, which Close waits for but for one that is dead
		s.work.Wait()
		if first {
			done <- errors.Join(s.writer.lost, s.detach())
		} else {
			done <- nil
		}
	}()
	late := time.NewTimer(closeTime)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return s.unwritten(errStalled)
	}
}

// errStalled is why Close does not wait any longer.
var errStalled = errors.New("the disk does not return")

// attach opens the data directory and takes over what is in it.
func (s *Store) attach() error {
	d, f, err := openDisk(&s.o)
	if err != nil {
		return err
	}
	var rows []ledger.Row
	if d.index != nil {
		if rows, err = loadFolds(d.index, s.o.Now()); err != nil {
			f.index = errors.Join(f.index, err)
		}
	}
	last, err := lastID(d)
	if err != nil {
		return errors.Join(err, d.close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk = d
	s.takeOver(d, &f, rows)
	s.ids.after(last)
	s.trouble.found(&f, d.journal.Stats(), s.o.Log)
	if s.trouble.index = nil; d.index == nil {
		s.trouble.index = f.index
	}
	return nil
}

// takeOver has the contents of a data directory take effect. With mu.
func (s *Store) takeOver(d *disk, f *found, rows []ledger.Row) {
	next := max(d.journal.Next(), f.ahead+1)
	for _, seq := range f.state.Cursors() {
		next = max(next, seq+1) // never a number that an output has seen
	}
	if len(s.lines) == 0 && s.next < next || len(s.lines) > 0 && s.lines[0].seq < next {
		// These numbers are taken. What is in memory gets others.
		shift := next - s.next
		if len(s.lines) > 0 {
			shift = next - s.lines[0].seq
		}
		s.renumber(shift)
		s.shown, s.records = s.next-1, s.next-1
		if len(s.lines) == 0 {
			s.records = d.journal.Next() - 1
		}
	}
	if !s.attached { // else all that is there was in force already
		for _, l := range s.lines {
			f.state.Apply(l.entry)
		}
		s.state, s.attached = f.state, true
	}
	s.endSilences(s.o.Now())
	for _, row := range rows {
		if s.folds.byKey[row.Alert.DedupKey] == nil {
			s.folds.add(&fold{key: row.Alert.DedupKey, rule: ruleOf(row.Alert), brief: row.Alert, count: row.Alert.Count, last: row.Alert.Last, raised: true})
		}
	}
}

// renumber adds shift to the numbers of all that is in memory. The lines are copied, because
// somebody may be reading them. With mu.
func (s *Store) renumber(shift uint64) {
	s.newer = newCatalog() // what is in it has the numbers of before
	for i, l := range s.lines {
		moved := *l
		moved.seq += shift
		if first := s.next - uint64(len(s.lines)); l.before.Seq >= first { // it was raised in memory
			moved.before.Seq += shift
		}
		s.lines[i] = &moved
		if moved.shown && moved.entry.Alert != nil {
			s.newer.apply(moved.seq, moved.entry, moved.before)
		}
	}
	s.next += shift
}

// detach closes the data directory.
func (s *Store) detach() error {
	s.mu.Lock()
	d := s.disk
	s.disk = nil
	s.mu.Unlock()
	if d == nil {
		return nil
	}
	return d.close()
}

// lastID returns the largest id of the alerts in d.
func lastID(d *disk) (last alert.ID, err error) {
	if d.index == nil {
		return last, nil
	}
	_, err = d.index.Walk(alertBucket, true, func(key, _ []byte) bool {
		copy(last[:], key)
		return false
	})
	return last, err
}
