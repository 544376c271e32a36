// Package unixsock is what both halves of package ipc need of the kernel: a Unix socket
// that is listened to behind a lock (listen.go, inherited.go, lock.go, path.go), the
// credentials of a peer (credentials.go), system calls with and without Go's scheduler
// (blocking.go, raw.go), and threads that get along with it (thread.go, yields.go).
package unixsock
