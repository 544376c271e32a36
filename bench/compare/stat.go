package main

import "slices"

// median returns the median of values, which it sorts; 0 when there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 0 {
		return (values[middle-1] + values[middle]) / 2
	}
	return values[middle]
}

// medianRange returns a range that holds the median of whatever the values are
// samples of with at least 95 % certainty. It makes no assumption on how they are
// spread: each sample lies below that median with a probability of a half, so how
// many do is binomial. Less than six samples can't give that certainty; then it is
// the range of all.
func medianRange(values []float64) (low, high float64) {
	n := len(values)
	if n == 0 {
		return 0, 0
	}
	slices.Sort(values)
	const doubt = 0.05
	cut := 0                // samples left out at either end
	ways, below := 1.0, 1.0 // how many of all 2^n outcomes have cut, and cut or less, below the median
	all := 1.0
	for range n {
		all *= 2
	}
	for 2*(below+ways*float64(n-cut)/float64(cut+1))/all <= doubt {
		ways *= float64(n-cut) / float64(cut+1)
		below += ways
		cut++
	}
	return values[cut], values[n-1-cut]
}
