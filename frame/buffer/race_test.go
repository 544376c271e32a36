//go:build race

package buffer_test

// underRace means that the race detector is on: it allocates, and sync.Pool
// drops what it is given, so that claims of no allocation do not hold.
const underRace = true
