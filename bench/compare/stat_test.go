package main

import (
	"slices"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{5, 1}, 3}, {[]float64{9, 1, 2}, 2}} {
		if got := median(slices.Clone(c.values)); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.values, got, c.want)
		}
	}
}

// The places are those of tables of the sign test, two-sided, at 5 %.
func TestTheRangeOfTheMedianIsThatOfTheSignTest(t *testing.T) {
	for _, c := range []struct{ n, cut int }{
		{1, 0}, {2, 0}, {5, 0}, {6, 0}, {8, 0}, {9, 1}, {11, 1}, {12, 2}, {15, 3}, {17, 4}, {20, 5}, {25, 7}, {30, 9}, {100, 39},
	} {
		var values []float64
		for i := range c.n {
			values = append(values, float64(c.n-i))
		}
		low, high := medianRange(values)
		if low != float64(c.cut+1) || high != float64(c.n-c.cut) {
			t.Errorf("of %d: from the %v. to the %v.; want the %d. to the %d.", c.n, low, high, c.cut+1, c.n-c.cut)
		}
	}
}
