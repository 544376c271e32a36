//go:build race

package event_test

// raceEnabled means that allocation counts are not those of a normal build.
const raceEnabled = true
