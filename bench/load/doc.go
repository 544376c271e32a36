// Package load makes messages at a known pace and measures what becomes of them.
//
// It knows nothing of sockets, brokers or processes. Whatever moves messages is a
// [Sender] on one side and calls a [Receiver] on the other, so that a broker, a bare
// socket and a Go channel are driven by the same code:
//
//   - [OpenLoop] sends by the clock, whatever the receiver does, and stamps each
//     message with the time at which it was due. It reports how late it was itself.
//   - [Stream] sends as fast as a window of unacknowledged messages allows, or
//     without any window. The window is kept by [Credits] that come straight from
//     the subscribers, past the system that is measured.
//   - [Receiver] checks sequence numbers, counts losses, records latency and
//     acknowledges.
//   - [Histogram] holds durations in buckets below 1 % wide, and merges across
//     processes.
//
// All times are nanoseconds of CLOCK_MONOTONIC ([Now]), which is the same clock in
// every process of a host.
//
// Why a fair measurement needs these things is the subject of the documentation of
// package bench.
package load
