package proc

import "time"

// Processors is what is read from /proc/stat, for tests.
type Processors struct {
	Known       bool
	Cores       int
	Busy, Stole time.Duration
}

// ParseProcessors is parseProcessors, for tests.
func ParseProcessors(b []byte) Processors {
	p := parseProcessors(b)
	return Processors{p.known, p.cores, p.busy, p.stole}
}
