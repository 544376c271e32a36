package proc

import (
	"math"
	"runtime/metrics"
	"time"
)

// Pauses are the times for which the garbage collector has stopped all goroutines.
// The runtime counts them in buckets up to a quarter of their value wide; each
// figure is the upper end of its bucket.
type Pauses struct {
	Count uint64        `json:"count"`
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
	Max   time.Duration `json:"max"`
}

// pauseMetric is from the wish to stop to the restart, so it holds the wait for a
// thread that is slow to stop.
const pauseMetric = "/sched/pauses/total/gc:seconds"

// pauseCounts is a copy of the runtime's histogram, which counts from the start of
// the process.
type pauseCounts struct {
	counts []uint64
	edges  []float64 // seconds; bucket i lies between edges i and i+1
}

func readPauses() pauseCounts {
	s := []metrics.Sample{{Name: pauseMetric}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindFloat64Histogram {
		return pauseCounts{} // a later Go may drop the metric: no pauses are then reported, with a count of 0
	}
	h := s[0].Value.Float64Histogram()
	return pauseCounts{counts: h.Counts, edges: h.Buckets}
}

// since sums up what was counted after start.
func (p pauseCounts) since(start pauseCounts) Pauses {
	delta := make([]uint64, len(p.counts))
	var out Pauses
	for i, n := range p.counts {
		if i < len(start.counts) {
			n -= start.counts[i]
		}
		delta[i] = n
		out.Count += n
	}
	if out.Count == 0 {
		return out
	}
	out.P50 = p.quantile(delta, out.Count, 0.5)
	out.P99 = p.quantile(delta, out.Count, 0.99)
	out.Max = p.quantile(delta, out.Count, 1)
	return out
}

func (p pauseCounts) quantile(delta []uint64, count uint64, q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(count)))
	var seen uint64
	for i, n := range delta {
		if seen += n; seen >= rank {
			end := p.edges[i+1]
			if math.IsInf(end, 1) {
				end = p.edges[i]
			}
			return time.Duration(end * float64(time.Second))
		}
	}
	return 0
}
