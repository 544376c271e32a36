// Package client is the client's half of package ipc, whose documentation states what a
// client promises.
//
// The files follow the way of a message. What is published (publisher.go, window.go) goes
// to package outbox, which decides when it is written, and writes it. What comes is
// received (receive.go, compact.go) and goes to a subscription (subscription.go), whose
// handler is called (handler.go) or whose queue is filled. What the program has taken is
// reported to the broker (credit.go). A connection begins with a dial (dial.go, terms.go);
// the next ones (redial.go) get what the outbox has kept. A connection and the client end
// in end.go, Drain before that in drain.go.
package client
