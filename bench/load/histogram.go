package load

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"time"
)

// Buckets are log-linear: every power of two is cut into 128 equal parts, so a
// bucket is at most 1/128 of its value wide, and values below 256 ns are exact.
const (
	subBits = 7
	buckets = (64 - subBits) << subBits
)

// Histogram counts durations from 0 to 292 years with an error below 1 %. The zero
// value is empty and ready. One goroutine at a time may use it.
type Histogram struct {
	counts   [buckets]uint64
	count    uint64
	sum      float64
	min, max int64
}

// bucket returns the index for v >= 0.
func bucket(v int64) int {
	shift := max(bits.Len64(uint64(v))-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// top returns the largest value that bucket i holds.
func top(i int) int64 {
	if i < 2<<subBits {
		return int64(i)
	}
	shift := i>>subBits - 1
	mantissa := int64(i - shift<<subBits)
	return (mantissa+1)<<shift - 1
}

// Record counts d; a negative d, which only clock error can produce, counts as 0.
func (h *Histogram) Record(d time.Duration) {
	v := max(int64(d), 0)
	h.counts[bucket(v)]++
	if h.count == 0 || v < h.min {
		h.min = v
	}
	h.max = max(h.max, v)
	h.count++
	h.sum += float64(v)
}

// Merge adds what o has counted.
func (h *Histogram) Merge(o *Histogram) {
	if o == nil || o.count == 0 {
		return
	}
	for i, n := range o.counts {
		h.counts[i] += n
	}
	if h.count == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.count += o.count
	h.sum += o.sum
}

// Count returns how many values were recorded.
func (h *Histogram) Count() uint64 { return h.count }

// Min returns the smallest value, exactly; 0 when empty.
func (h *Histogram) Min() time.Duration { return time.Duration(h.min) }

// Max returns the largest value, exactly; 0 when empty.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }

// Mean returns the average; 0 when empty.
func (h *Histogram) Mean() time.Duration {
	if h.count == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.count))
}

// Quantile returns the value that a share q (0 to 1) of all values do not exceed,
// rounded up to the end of its bucket.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := uint64(q * float64(h.count))
	if float64(rank) < q*float64(h.count) || rank == 0 {
		rank++
	}
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return time.Duration(min(top(i), h.max))
		}
	}
	return time.Duration(h.max)
}

type histogramJSON struct {
	Min    int64       `json:"min"`
	Max    int64       `json:"max"`
	Sum    float64     `json:"sum"`
	Counts [][2]uint64 `json:"counts"` // bucket, count; empty buckets are left out
}

// MarshalJSON writes the non-empty buckets.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	out := histogramJSON{Min: h.min, Max: h.max, Sum: h.sum, Counts: [][2]uint64{}}
	for i, n := range h.counts {
		if n != 0 {
			out.Counts = append(out.Counts, [2]uint64{uint64(i), n})
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON replaces h by what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var in histogramJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*h = Histogram{min: in.Min, max: in.Max, sum: in.Sum}
	for _, c := range in.Counts {
		if c[0] >= buckets {
			return fmt.Errorf("load: histogram: bucket %d of %d", c[0], buckets)
		}
		h.counts[c[0]] += c[1]
		h.count += c[1]
	}
	return nil
}
