package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/ledger"
)

// ErrNoStore is returned for a directory in which no store has been.
var ErrNoStore = errors.New("there is no alert store")

// Snapshot is what a data directory has while no store is open on it. It changes nothing.
//
// One goroutine at a time.
type Snapshot struct {
	v     view
	rows  map[alert.ID]ledger.Row
	state *ledger.State
	// Warnings are what a store would mend or report.
	Warnings []string
}

// ReadDir reads the data directory. Errors to act on are ErrNoStore, ErrNewer and
// *InUseError. Close has to be called.
func ReadDir(dir string) (*Snapshot, error) {
	if err := checkUnlocked(dir); err != nil {
		return nil, err
	}
	files := journal.Disk{}
	there, damaged, err := checkVersion(files, dir)
	if err != nil {
		return nil, err
	}
	j, r, err := journal.Open(filepath.Join(dir, journalName), journal.Options{Files: files, ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) || err == nil && !there && r.Segments == 0 {
		return nil, fmt.Errorf("alert store: %s: %w", dir, ErrNoStore)
	}
	if err != nil {
		return nil, err
	}
	s := &Snapshot{v: view{disk: &disk{dir: dir, journal: j}, last: math.MaxUint64}}
	if damaged {
		s.Warnings = append(s.Warnings, "the version file is damaged")
	}
	if n := len(r.Broken) + len(j.Stats().Broken); n > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d files of the journal are damaged", n))
	}
	for _, x := range r.Lost {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d lines of the journal are lost", x.Count()))
	}
	if s.rows, err = s.v.rows(); err == nil {
		s.state, _, err = readState(j)
	}
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return s, nil
}

// Close releases the directory.
func (s *Snapshot) Close() error { return s.v.disk.journal.Close() }

// Query returns alerts as Store.Query does.
func (s *Snapshot) Query(f Filter) (all []*alert.Alert, more bool, err error) {
	return f.query(&s.v, s.rows, nil)
}

// Silences returns the silences that hold.
func (s *Snapshot) Silences() (all []*alert.Silence) {
	now := time.Now()
	for _, x := range s.state.Silences() {
		if now.Before(x.Until) {
			all = append(all, x)
		}
	}
	return all
}
