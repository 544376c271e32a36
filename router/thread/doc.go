// Package thread has those parts of a broker's routing thread that know nothing of
// messages: the calls that other goroutines hand to it, when it rests, and how it sleeps
// without sockets.
package thread
