// Package store keeps messages of the past for subscribers that come late: the last
// value of each topic that was published with the retain flag (Retained), and the
// latest messages of a pattern's topics (Replay). Both hold copies of their own, so
// that what is kept does not hold the large buffer that it came in, and both find
// what a pattern matches without looking at everything else.
//
// One goroutine at a time; in a broker that is the routing thread.
package store
