package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Trim removes the oldest segments until those that are left have at most maxBytes, and
// also those that nobody has written to since before. The last segment stays. It returns
// the numbers of the lines that were in them.
func (j *Journal) Trim(maxBytes int64, before time.Time) (removed []Range, err error) {
	j.moving.Lock()
	defer j.moving.Unlock()
	for {
		s, old := j.oldest(maxBytes)
		if s == nil {
			return removed, nil
		}
		if !old {
			info, err := j.o.Files.Stat(s.path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return removed, fmt.Errorf("journal: %w", err)
			}
			if err == nil && !info.ModTime().Before(before) {
				return removed, nil
			}
		}
		if err := j.o.Files.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, fmt.Errorf("journal: %w", err)
		}
		j.mu.Lock()
		j.segments = j.segments[1:]
		j.mu.Unlock()
		if s.last >= s.first {
			removed = append(removed, Range{s.first, s.last})
		}
		// Where the name comes back after a crash, the segment is removed again.
		if err := j.o.Files.SyncDir(j.dir); err != nil {
			return removed, fmt.Errorf("journal: %w", err)
		}
	}
}

// oldest returns the oldest segment, nil where it is the last one too, and whether it has
// to go because of the size of all.
func (j *Journal) oldest(maxBytes int64) (s *segment, large bool) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if len(j.segments) < 2 {
		return nil, false
	}
	total := int64(0)
	for _, x := range j.segments {
		total += x.size
	}
	return j.segments[0], total > maxBytes
}
