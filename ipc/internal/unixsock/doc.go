// Package unixsock is what both halves of package ipc need of the kernel: a Unix
// socket that is listened to behind a lock, the credentials of who connects, system
// calls that do without Go's scheduler, and threads that get along with it.
package unixsock
