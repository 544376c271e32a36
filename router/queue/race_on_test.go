//go:build race

package queue_test

// raceEnabled is whether the race detector is on: it allocates, and slows
// everything down.
const raceEnabled = true
