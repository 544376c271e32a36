// Package bus is the vocabulary of a message bus: what a program publishes, subscribes to,
// asks and answers, and the counters and errors that it meets. The in-process client
// (package router) and the socket client (package ipc) both implement Bus.
// Package router has these names too, as aliases.
package bus
