package detection

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/bench/load"
)

const (
	lineSize  = 1200 // of a typical alert in the journal, as BenchmarkDurable has it
	lineCount = 100
)

// syncs measures what the disk below dir takes to append a line and to sync it, one after
// the other. It is called before and after the load, so that it does not wait for the
// agent's own syncs, nor they for it.
func syncs(dir string, took *load.Histogram) error {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	line := make([]byte, lineSize)
	for range lineCount {
		began := time.Now()
		if _, err := f.Write(line); err != nil {
			return err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return err
		}
		took.Record(time.Since(began))
	}
	return nil
}
