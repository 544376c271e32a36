package load_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/bench/load"
)

// A quantile is the value that a sorted list has at that place, or up to 1 % more.
func TestQuantilesAgreeWithASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, math.MaxInt64), 1, 200).Draw(t, "values")
		var h load.Histogram
		for _, v := range values {
			h.Record(time.Duration(v))
		}
		slices.Sort(values)
		for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
			exact := values[max(0, int(math.Ceil(q*float64(len(values))))-1)]
			got := int64(h.Quantile(q))
			if got < exact || float64(got) > float64(exact)*1.01 {
				t.Errorf("quantile %v of %v: %d, exactly %d", q, values, got, exact)
			}
		}
		if h.Count() != uint64(len(values)) || int64(h.Min()) != values[0] || int64(h.Max()) != values[len(values)-1] {
			t.Errorf("count %d, min %d, max %d of %v", h.Count(), h.Min(), h.Max(), values)
		}
	})
}

// Parts that went through JSON and were merged are the same as the whole.
func TestHistogramsMergeAcrossProcesses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SliceOf(rapid.Int64Range(-5, 1e12)), 0, 4).Draw(t, "parts")
		var whole, merged load.Histogram
		for _, part := range parts {
			var h, there load.Histogram
			for _, v := range part {
				h.Record(time.Duration(v))
				whole.Record(time.Duration(v))
			}
			b, err := json.Marshal(&h)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &there); err != nil {
				t.Fatal(err)
			}
			merged.Merge(&there)
		}
		for _, q := range []float64{0, 0.25, 0.5, 0.99, 1} {
			if merged.Quantile(q) != whole.Quantile(q) {
				t.Errorf("quantile %v: merged %v, whole %v", q, merged.Quantile(q), whole.Quantile(q))
			}
		}
		if merged.Count() != whole.Count() || merged.Min() != whole.Min() || merged.Max() != whole.Max() ||
			math.Abs(float64(merged.Mean()-whole.Mean())) > 1 {
			t.Errorf("merged %d %v %v %v, whole %d %v %v %v", merged.Count(), merged.Min(), merged.Mean(), merged.Max(),
				whole.Count(), whole.Min(), whole.Mean(), whole.Max())
		}
	})
}

func TestHistogramRefusesForeignBuckets(t *testing.T) {
	for _, text := range []string{`{"counts":[[99999,1]]}`, `{"counts":7}`} {
		var h load.Histogram
		if err := json.Unmarshal([]byte(text), &h); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestStampSurvivesTheTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := load.Stamp{
			Sequence:  rapid.Uint64().Draw(t, "sequence"),
			Time:      rapid.Int64().Draw(t, "time"),
			Publisher: rapid.Uint32().Draw(t, "publisher"),
			Last:      rapid.Bool().Draw(t, "last"),
		}
		b := make([]byte, load.StampSize)
		want.Put(b)
		if got, ok := load.ReadStamp(b); !ok || got != want {
			t.Errorf("got %+v, %v; want %+v", got, ok, want)
		}
	})
}
