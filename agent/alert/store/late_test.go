package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// watched calls a function when a file is opened to be read.
type watched struct {
	journal.Disk
	opened atomic.Pointer[func(name string)]
}

func (w *watched) Open(name string) (journal.File, error) {
	if f := w.opened.Load(); f != nil {
		(*f)(filepath.Base(name))
	}
	return w.Disk.Open(name)
}

// TestWhatGoesWhileItIsReadIsMissed: segments that are removed while they are about to be
// read are counted, as those that went before.
func TestWhatGoesWhileItIsReadIsMissed(t *testing.T) {
	for name, at := range map[string]int{"before the first": 1, "in the middle": 3} {
		t.Run(name, func(t *testing.T) {
			files := &watched{}
			limits := store.Limits{MaxBytes: 1 << 20, Burst: -1}
			f := open(t, store.Options{Files: files, SegmentBytes: 2_000, Limits: limits})
			const n = 50
			for i := range n {
				f.Submit(sample(fmt.Sprint("rule ", i), ""))
				f.raisedAlerts(i + 1)
			}
			opens := 0
			remove := func(name string) {
				if opens++; opens != at {
					return
				}
				limits.MaxBytes = 6_000
				f.SetLimits(limits)
				f.await("removal", func() bool {
					f.Submit(sample("more", ""))
					_, err := os.Stat(filepath.Join(f.dir, "journal", name))
					return err != nil
				})
			}
			files.opened.Store(&remove)
			seen, missing := uint64(0), uint64(0)
			for seen < n {
				all, missed, err := f.Records(seen, 1000)
				if err != nil || len(all) == 0 {
					t.Fatalf("%d records: %v", len(all), err)
				}
				missing += missed
				for i, r := range all {
					if i == 0 && r.Seq != seen+missed+1 || i > 0 && r.Seq != seen+1 {
						t.Errorf("record %d follows record %d, %d are missed", r.Seq, seen, missed)
					}
					seen = r.Seq
				}
			}
			if missing == 0 {
				t.Error("nothing is missed")
			}
		})
	}
}
