package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/daemoneye/eventbus/agent/alert/index"
	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// disk is an open data directory.
type disk struct {
	dir     string
	lock    *os.File
	journal *journal.Journal
	index   *index.Index // nil where there is none that works
	ahead   uint64       // the last number that the index knew, where the journal ends before
}

// found is what opening a data directory found.
type found struct {
	journal journal.Recovered
	// version means that the version could not be read, and was written again.
	version bool
	// index is why the index was made again, nil where it was not.
	index error
	// ahead is the last number that the index knew beyond the journal; 0 for none: lines
	// were cut off.
	ahead uint64
	state *ledger.State
	head  bool // no head could be read, where there are lines
}

// openDisk opens the data directory, and makes it where it is missing.
func openDisk(o *Options) (d *disk, f found, err error) {
	d = &disk{dir: o.Dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
			d = nil
		}
	}()
	if err := o.Files.MkdirAll(o.Dir); err != nil {
		return d, f, err
	}
	if d.lock, err = lock(o.Dir); err != nil {
		return d, f, err
	}
	there, damaged, err := checkVersion(o.Files, o.Dir)
	if err != nil {
		return d, f, err
	}
	if f.version = damaged; !there || damaged {
		if err := writeVersion(o.Files, o.Dir); err != nil {
			return d, f, err
		}
	}
	d.journal, f.journal, err = journal.Open(filepath.Join(o.Dir, journalName), journal.Options{SegmentBytes: o.SegmentBytes, Files: o.Files})
	if err != nil {
		return d, f, err
	}
	if f.state, f.head, err = readState(d.journal); err != nil {
		return d, f, err
	}
	d.openIndex(&f)
	return d, f, nil
}

// readState returns what is in force after all lines of the journal.
func readState(j *journal.Journal) (state *ledger.State, headless bool, err error) {
	head, first := j.LastHead()
	if head == nil {
		state, headless = &ledger.State{}, j.Stats().Segments > 0
	} else if state, err = ledger.ReadState(head); err != nil {
		headless = true
	}
	err = j.Read(first, func(_ uint64, payload []byte) bool {
		if ledger.IsRaised(payload) {
			return true
		}
		if e, err := ledger.Decode(payload); err == nil {
			state.Apply(e)
		}
		return true
	})
	return state, headless, withoutDamage(err)
}

// withoutDamage returns nil for damage, which Verify finds and counts.
func withoutDamage(err error) error {
	var damage *journal.DamageError
	if errors.As(err, &damage) {
		return nil
	}
	return err
}

// openIndex opens the index and brings it up to the journal. One that is damaged is made
// again. Without one queries read the journal.
func (d *disk) openIndex(f *found) {
	path := filepath.Join(d.dir, indexName)
	x, err := index.Open(path)
	if err == nil {
		var applied uint64
		if applied, err = x.Applied(); err == nil {
			if last := d.journal.Stats().Last; applied > last {
				f.ahead, d.ahead = applied, applied
				err = fmt.Errorf("it knows of line %d, and the journal ends with %d", applied, last)
			} else if err = catchUp(x, d.journal, applied); err == nil {
				d.index = x
				return
			}
		}
		_ = x.Close() // it is removed
	}
	f.index = err
	if d.index, err = buildIndex(path, d.journal); err != nil {
		f.index = errors.Join(f.index, err)
	}
}

// buildIndex makes the index in path from the journal.
func buildIndex(path string, j *journal.Journal) (*index.Index, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	x, err := index.Open(path)
	if err != nil {
		return nil, err
	}
	if err := catchUp(x, j, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("alert store: index: %w", err), x.Close(), os.Remove(path))
	}
	return x, nil
}

func (d *disk) close() error {
	var errs []error
	if d.index != nil {
		errs = append(errs, d.index.Close())
	}
	if d.journal != nil {
		errs = append(errs, d.journal.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}
