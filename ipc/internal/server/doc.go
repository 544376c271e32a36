// Package server is the broker's half of package ipc, and its doc says what a server
// promises: connections are accepted (accept.go), shake hands (handshake.go), are
// read (reader.go) and written (writer.go, leftover.go) in turns (loop.go, poller.go)
// within limits (rate.go, sweep.go), and end (conn.go).
package server
