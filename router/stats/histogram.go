package stats

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/queue"
)

// Histogram counts durations in buckets that grow with them: 16 to each power
// of two, so a percentile is off by 6 % at most. Recording is one atomic add.
// Safe for concurrent use. The layout is that of HdrHistogram.
type Histogram struct {
	buckets [histogramBuckets]atomic.Uint64
	sum     atomic.Uint64 // nanoseconds
	max     atomic.Uint64
}

const (
	histogramSub     = 16 // buckets to a power of two
	histogramBuckets = (64 - 4) * histogramSub
)

func bucketOf(ns uint64) int {
	if ns < histogramSub {
		return int(ns)
	}
	shift := bits.Len64(ns) - 5
	return (shift+1)*histogramSub + int(ns>>shift)&(histogramSub-1)
}

// bucketTop returns the largest value of bucket i.
func bucketTop(i int) uint64 {
	if i < histogramSub {
		return uint64(i)
	}
	shift := i/histogramSub - 1
	return uint64(histogramSub+i%histogramSub+1)<<shift - 1
}

// Record counts n durations of ns nanoseconds.
func (h *Histogram) Record(ns int64, n uint64) {
	v := uint64(max(ns, 0))
	h.buckets[min(bucketOf(v), histogramBuckets-1)].Add(n)
	h.sum.Add(v * n)
	for {
		old := h.max.Load()
		if v <= old || h.max.CompareAndSwap(old, v) {
			return
		}
	}
}

// Summary returns the percentiles of what was recorded, and cumulative buckets.
func (h *Histogram) Summary() bus.Latency {
	var counts [histogramBuckets]uint64
	var l bus.Latency
	for i := range h.buckets {
		counts[i] = h.buckets[i].Load()
		l.Samples += counts[i]
	}
	if l.Samples == 0 {
		return l
	}
	sum := h.sum.Load()
	l.Sum = time.Duration(min(sum, math.MaxInt64))
	l.Average = time.Duration(sum / l.Samples)
	l.Buckets = cumulative(&counts)
	l.Max = time.Duration(h.max.Load())
	for _, q := range []struct {
		share float64
		into  *time.Duration
	}{{0.5, &l.P50}, {0.99, &l.P99}, {0.999, &l.P999}} {
		rank := uint64(q.share*float64(l.Samples)) + 1
		for i, n := range counts {
			if rank <= n {
				*q.into = min(time.Duration(bucketTop(i)), l.Max)
				break
			}
			rank -= n
		}
	}
	return l
}

// cumulative returns how many of counts are at most each of bus.LatencyBounds.
func cumulative(counts *[histogramBuckets]uint64) []uint64 {
	bounds := bus.LatencyBounds()
	all := make([]uint64, len(bounds))
	sum, at := uint64(0), 0
	for i, n := range counts {
		for at < len(bounds) && bucketTop(i) > uint64(bounds[at]) {
			all[at] = sum
			at++
		}
		sum += n
	}
	return all
}

// sampleAbove is the batch size beyond which only one message in sixteen is
// timed.
const sampleAbove = 16

// RecordMessages records how old messages are at now, from their publishers' stamps. It
// skips those with a sequence of at most since: retained and replayed messages are older
// than their subscription.
func (h *Histogram) RecordMessages(items []queue.Item, since uint64, now int64) {
	for len(items) > 0 && items[0].Frame().Sequence() <= since {
		items = items[1:]
	}
	step := 1
	if len(items) > sampleAbove {
		step = 16
	}
	for i := 0; i < len(items); i += step {
		// The clocks of two processes are a few hundred nanoseconds apart.
		if ns := now - items[i].Frame().Time(); ns > -int64(time.Millisecond) && ns < int64(time.Hour) {
			h.Record(ns, 1)
		}
	}
}
