package connector

import "testing"

func TestLosses(t *testing.T) {
	type note struct{ cpu, seq uint32 }
	tests := []struct {
		name  string
		notes []note
		want  uint64
	}{
		{"nothing was lost before the first report", []note{{0, 500}}, 0},
		{"no hole", []note{{0, 5}, {0, 6}, {0, 7}}, 0},
		{"each cpu counts for itself", []note{{0, 5}, {3, 90}, {0, 6}, {3, 91}}, 0},
		{"a hole is as large as the numbers that are missing", []note{{0, 5}, {0, 9}}, 3},
		{"holes of several cpus add up", []note{{0, 5}, {1, 5}, {0, 7}, {1, 8}}, 3},
		{"the count goes round", []note{{0, 1<<32 - 1}, {0, 0}}, 0},
		{"a hole across the end of the count", []note{{0, 1<<32 - 2}, {0, 1}}, 2},
		{"a count that begins anew is no loss", []note{{0, 900}, {0, 0}, {0, 1}}, 0},
		{"a cpu that cannot be is left alone", []note{{1<<32 - 1, 5}, {1<<32 - 1, 9}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l Losses
			for _, n := range tt.notes {
				l.Note(n.cpu, n.seq)
			}
			if got := l.Take(); got != tt.want {
				t.Errorf("lost %d, want %d", got, tt.want)
			}
			if again := l.Take(); again != 0 || l.Total != tt.want {
				t.Errorf("after Take: lost %d, total %d; want 0 and %d", again, l.Total, tt.want)
			}
		})
	}
}
