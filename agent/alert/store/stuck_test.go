package store_test

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daemoneye/eventbus/agent/alert/journal"
	"github.com/daemoneye/eventbus/agent/alert/store"
)

// dead are files whose syncs do not return before back is closed, where it is set.
type dead struct {
	journal.Disk
	back atomic.Pointer[chan struct{}]
}

type deadFile struct {
	journal.File
	of *dead
}

func (d *dead) Create(name string) (journal.File, error) {
	f, err := d.Disk.Create(name)
	if err != nil {
		return nil, err
	}
	return &deadFile{f, d}, nil
}

func (f *deadFile) Datasync() error {
	if back := f.of.back.Load(); back != nil {
		<-*back
	}
	return f.File.Datasync()
}

// TestADiskThatDoesNotReturnIsReportedAndDelaysNoStop, such as a mount whose server is dead.
func TestADiskThatDoesNotReturnIsReportedAndDelaysNoStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files, back := &dead{}, make(chan struct{})
		s, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(t.TempDir(), "data"), Files: files, Log: discard})
		if err != nil {
			t.Fatal(err)
		}
		s.Submit(sample("before", ""))
		if err := s.Wait(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		files.back.Store(&back)
		s.Submit(sample("during", ""))
		synctest.Wait()
		s.Submit(sample("later", ""))
		time.Sleep(time.Minute) // of the clock of the test
		if h := s.Health(); h.State != store.Degraded || !strings.Contains(h.Reason, "does not return") {
			t.Errorf("%+v", h)
		}
		began := time.Now()
		if err := s.Close(); err == nil || !strings.Contains(err.Error(), "2 alerts") {
			t.Errorf("closed with %v", err)
		}
		if d := time.Since(began); d > 30*time.Second {
			t.Errorf("the close took %v", d)
		}
		close(back)
		synctest.Wait()
	})
}
