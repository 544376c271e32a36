package proc

import (
	"os"
	"testing"

	"github.com/prometheus/procfs"
)

// BenchmarkStat reads the stat file of one process as polling does, and as
// package procfs does.
func BenchmarkStat(b *testing.B) {
	b.Run("by=reader", func(b *testing.B) {
		r, err := NewReader("/proc")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, ok, err := r.Stat(uint32(os.Getpid())); err != nil || !ok {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("by=procfs", func(b *testing.B) {
		p, err := procfs.NewProc(os.Getpid())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Stat(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
