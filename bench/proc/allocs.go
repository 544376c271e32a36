package proc

import "runtime/metrics"

// The runtime counts the smallest objects apart. Both counts run behind by up to what
// one span of each size holds, some hundred objects.
var allocMetrics = [...]string{"/gc/heap/allocs:objects", "/gc/heap/tiny/allocs:objects"}

// readAllocs returns how many objects this process has allocated on the heap; false
// where a later Go has dropped the metrics.
func readAllocs() (n uint64, known bool) {
	var s [len(allocMetrics)]metrics.Sample
	for i, name := range allocMetrics {
		s[i].Name = name
	}
	metrics.Read(s[:])
	for i := range s {
		if s[i].Value.Kind() != metrics.KindUint64 {
			return 0, false
		}
		n += s[i].Value.Uint64()
	}
	return n, true
}
