package ipc

import "github.com/daemoneye/eventbus/ipc/internal/unixsock"

// Listener is a bound Unix socket, with the lock that proves that it is this
// process's. Close it, unless a server has taken it over.
type Listener struct{ l *unixsock.Listener }

// Listen binds path: it makes the directory, mode 0700, and the socket, mode
// 0600, and takes over a socket that a dead server left behind. When a living
// one has the socket, the error is an *InUseError with its pid.
func Listen(path string) (*Listener, error) {
	l, err := unixsock.Listen(path)
	if err != nil {
		return nil, err
	}
	return &Listener{l}, nil
}

// Inherited returns the listening socket that a service manager passed by the
// LISTEN_FDS protocol (sd_listen_fds(3)), or nil when it passed none. It takes the
// lock as Listen does, and fails with an *InUseError when another has it; where the
// socket's directory is not this process's to write into, it goes without. The
// socket stays when the Listener is closed. No descriptor that was passed goes on
// to programs that this one starts.
func Inherited() (*Listener, error) {
	l, err := unixsock.Inherited()
	if l == nil || err != nil {
		return nil, err
	}
	return &Listener{l}, nil
}

// Path returns where the socket is.
func (l *Listener) Path() string { return l.l.Path() }

// Close stops listening, removes the socket if it is still the one that Listen
// bound, and lets go of the lock. It may be called again.
func (l *Listener) Close() error { return l.l.Close() }
