// Package store keeps past messages for subscribers that come late: the last value of each
// topic that was published with the retain flag (Retained), and the latest messages of a
// pattern's topics (Replay). Both keep copies, because a message would otherwise keep the
// large buffer that it arrived in. Both find what a pattern matches without visiting
// everything else.
//
// One goroutine at a time; in a broker that is the routing thread.
package store
