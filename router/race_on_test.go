//go:build race

package router_test

// raceEnabled is whether the race detector is on: it allocates, and slows
// everything down.
const raceEnabled = true
