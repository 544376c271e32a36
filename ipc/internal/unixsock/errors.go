package unixsock

import "fmt"

// OpError states what was attempted, and where.
type OpError struct {
	// Op is one of dial, listen, accept, handshake, read, write, drain.
	Op string
	// Path is the socket's.
	Path string
	Err  error
}

func (e *OpError) Error() string { return "ipc: " + e.Op + " " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// NewOpError returns nil when err is nil.
func NewOpError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &OpError{op, path, err}
}

// InUseError means that another process serves the socket.
type InUseError struct {
	Path string
	// PID is the process that holds the lock, 0 when that is not known.
	PID int
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is held by another process", e.Path)
	}
	return fmt.Sprintf("%s is held by pid %d", e.Path, e.PID)
}
