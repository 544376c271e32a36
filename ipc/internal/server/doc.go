// Package server is the broker's half of package ipc, and its doc states what a server
// promises. A connection comes in accept.go, where it waits for its hello in places.go,
// and becomes a client in handshake.go. It is read (read.go, partial_frame.go), what it
// sent is routed (route.go, control.go), and it is written to (gather.go, write.go,
// partial_write.go), in turns (loop.go, poller.go). Its bounds are in rate.go and
// timeouts.go, and it ends in end.go. socket.go watches the socket itself.
package server
