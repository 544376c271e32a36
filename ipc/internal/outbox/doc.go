// Package outbox is the way of frames from a client's program to its socket. Several
// goroutines append to it (publisher.go, outbox.go). It decides when what waits is written
// (pacing.go, stamps.go, timer.go), writes it (flush.go), and keeps what a lost connection
// has not taken (connection.go, backlog.go).
package outbox
