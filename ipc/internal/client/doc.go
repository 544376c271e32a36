// Package client is the client's half of package ipc, whose documentation says what a
// client promises.
//
// The files follow the way of a message. What is published (publisher.go, window.go) is appended
// to the outbox (outbox.go), which decides when it is written (pacing.go, stamps.go,
// timer.go) and writes it (flush.go). What comes is received (receive.go, compact.go)
// and goes to a subscription (subscription.go), whose handler is called (handler.go)
// or whose queue is filled. A connection begins with a dial (dial.go, terms.go); the
// next ones (redial.go) get what is kept from the last (backlog.go). A connection
// and the client end in end.go, Drain before that in drain.go.
package client
