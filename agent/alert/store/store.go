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
	// Patience is how long Open, and an alert that is raised, wait for a disk that does not
	// answer; 0: 3 seconds. Then alerts go on in memory.
	Patience time.Duration
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
	o.Patience = cmp.Or(o.Patience, patience)
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
	// attached means that the data directory was open before. Guarded by mu.
	attached bool
	disk     *disk   // guarded by mu; written by the writer; nil while it cannot be opened
	trouble  trouble // guarded by mu

	reads  reads
	writer writer // owned by the writer
}

// ErrClosed is returned by a store that was closed.
var ErrClosed = errors.New("alert store: closed")

// Open opens the data directory, makes it where it is missing, mends what a crash or a
// damaged file left, and starts the goroutine that writes. Close has to be called.
//
// Errors to act on are ErrNewer and *InUseError. A directory that cannot be made, read or
// written for another reason, or does not answer in time, is no error: alerts go on in
// memory, Health reports it, and the directory is tried again.
func Open(ctx context.Context, o Options) (*Store, error) {
	o.defaults()
	s := &Store{
		o: o, wake: make(chan struct{}, 1), quit: make(chan struct{}), recheck: make(chan struct{}, 1), changed: make(chan struct{}),
		next: 1, folds: newFoldTable(o.Limits.Folds), state: &ledger.State{}, cursors: map[string]uint64{}, newer: newCatalog(),
		memory: memory{dropped: map[string]uint64{}}, reads: reads{places: make(chan struct{}, maxReads)},
	}
	s.SetLimits(o.Limits)
	var refused error
	opening := true
	s.touch(ctx, func() func() {
		found, err := openAll(&o)
		return func() {
			var used *InUseError
			if opening && (errors.Is(err, ErrNewer) || errors.As(err, &used)) {
				refused = err
				return
			}
			s.attach(found, err)
		}
	})
	opening = false
	if refused != nil {
		return nil, refused
	}
	if err := ctx.Err(); err != nil {
		s.leave()
		return nil, err
	}
	s.mu.Lock()
	if s.disk == nil {
		// Numbers of this run have to be above those that cannot be read.
		s.next = uint64(max(o.Now().UnixMilli(), 1))
		s.shown, s.records = s.next-1, s.next-1
	}
	s.mu.Unlock()
	s.work.Go(s.write)
	s.work.Go(s.check)
	return s, nil
}

// leave has what Open has opened, or opens late, closed.
func (s *Store) leave() {
	d, back := s.disk, s.writer.back
	go func() { // ends when the disk returns, which nobody waits for
		if back != nil {
			(<-back)()
			d = s.disk
		}
		if d != nil {
			_ = d.close() // nothing was written
		}
	}()
}

// closeTime is how long Close waits for a disk that neither writes nor fails.
const closeTime = 10 * time.Second

// Close writes what is in memory, and closes the store. What cannot be written is lost, and
// the error has how much. Other calls return ErrClosed from then on, and those that wait
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
		return s.unwritten(ErrStalled)
	}
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

// letGo closes what is not used any more.
func (s *Store) letGo(closing func() error) {
	s.touch(context.Background(), func() func() {
		err := closing()
		return func() {
			if err != nil {
				s.o.Log.Debug("alert store: not closed", "err", err)
			}
		}
	})
}
