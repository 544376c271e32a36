// Package queue holds the messages that wait for one subscriber: two lanes on rings, an
// overflow policy, and the counters and gaps that make every loss exact.
package queue
