package router

// Meets shows whether two patterns have a topic in common.
func Meets(p, q Pattern) bool { return p.meets(q) }

// Histogram is the latency histogram.
type Histogram struct{ histogram }

// Record counts n durations of ns nanoseconds.
func (h *Histogram) Record(ns int64, n uint64) { h.record(ns, n) }

// Summary returns the percentiles.
func (h *Histogram) Summary() Latency { return h.summary() }

// LocalRing is how many messages an in-process client may have on their way.
const LocalRing = localRing

// LocalBytes is how many bytes.
const LocalBytes = localBytes

// MaxGone is how many messages that fell out of a replay are remembered at
// least.
const MaxGone = maxGone
