//go:build race

package server

// raceEnabled reports whether the race detector is on, which allocates and slows everything
// down.
const raceEnabled = true
