package stats_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/stats"
)

func TestPercentilesAreOffBySixPercentAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.OneOf(
			rapid.Int64Range(0, 40),
			rapid.Int64Range(0, int64(time.Millisecond)),
			rapid.Int64Range(0, int64(time.Hour)),
		), 1, 2000).Draw(t, "ns")
		var h stats.Histogram
		sum := int64(0)
		for _, ns := range all {
			h.Record(ns, 1)
			sum += ns
		}
		slices.Sort(all)
		s := h.Summary()
		at := func(share float64) int64 { return all[int(share*float64(len(all)))] }
		for _, q := range []struct {
			name      string
			got       time.Duration
			want      int64
			tolerance float64
		}{
			{"p50", s.P50, at(0.5), 1. / 16}, {"p99", s.P99, at(0.99), 1. / 16}, {"p99.9", s.P999, at(0.999), 1. / 16},
			{"max", s.Max, all[len(all)-1], 0},
		} {
			if got := int64(q.got); got < q.want || float64(got) > float64(q.want)*(1+q.tolerance) {
				t.Errorf("%s is %d, want %d or up to %.0f%% more", q.name, got, q.want, 100*q.tolerance)
			}
		}
		for i, bound := range router.LatencyBounds() {
			// A sample within 6 % of the bound may be in the next bucket.
			most := uint64(sort.Search(len(all), func(i int) bool { return all[i] > int64(bound) }))
			least := uint64(sort.Search(len(all), func(i int) bool { return float64(all[i]) > float64(bound)*15/16 }))
			if got := s.Buckets[i]; got < least || got > most {
				t.Errorf("%d took up to %v, want %d to %d", got, bound, least, most)
			}
		}
		if s.Sum != time.Duration(sum) {
			t.Errorf("the sum is %d, want %d", s.Sum, sum)
		}
		if got, want := int64(s.Average), sum/int64(len(all)); got != want || s.Samples != uint64(len(all)) {
			t.Errorf("average %d of %d, want %d of %d", got, s.Samples, want, len(all))
		}
	})
}

func TestAHistogramTakesAnything(t *testing.T) {
	var h stats.Histogram
	if s := h.Summary(); !reflect.DeepEqual(s, router.Latency{}) {
		t.Errorf("an empty one says %+v", s)
	}
	h.Record(-5, 1)
	h.Record(1<<63-1, 1)
	if s := h.Summary(); s.Samples != 2 || s.P50 < 0 || s.Max != 1<<63-1 {
		t.Errorf("%+v", s)
	}
}

func BenchmarkHistogram(b *testing.B) {
	var h stats.Histogram
	ns := make([]int64, 1024)
	for i := range ns {
		ns[i] = int64(rand.ExpFloat64() * 1e5)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		h.Record(ns[i&1023], 1)
		i++
	}
}
