package unixsock

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SendAll writes all of b to a blocking socket; n is how much of it was
// written when that fails. What the socket takes at once is written without telling the
// scheduler.
func SendAll(fd int, b []byte) (n int, err error) {
	full := false
	for n < len(b) {
		var r uintptr
		var e unix.Errno
		if rest := b[n:]; full {
			r, _, e = unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(rest))), uintptr(len(rest)), unix.MSG_NOSIGNAL, 0, 0)
		} else {
			r, _, e = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(rest))), uintptr(len(rest)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		}
		switch {
		case e == unix.EINTR:
		case e == unix.EAGAIN && !full:
			full = true
		case e != 0:
			return n, e
		default:
			n += int(r)
		}
	}
	return n, nil
}

// SendNow writes what a socket takes at once; n is how much that was. The error is
// EAGAIN where it did not take all.
func SendNow(fd int, b []byte) (n int, err error) {
	for n < len(b) {
		rest := b[n:]
		r, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(rest))), uintptr(len(rest)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch e {
		case 0:
			n += int(r)
		case unix.EINTR:
		default:
			return n, e
		}
	}
	return n, nil
}

// Recv reads from a blocking socket. n is 0 at the end of the stream.
func Recv(fd int, b []byte) (n int, err error) {
	for {
		r, _, e := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
		if e == unix.EINTR {
			continue
		}
		if e != 0 {
			return 0, e
		}
		return int(r), nil
	}
}

// RecvPolled is Recv for a descriptor that is written to as well: it waits in poll(2). It
// fails with EAGAIN after d; 0 is never.
func RecvPolled(fd int, b []byte, d time.Duration) (n int, err error) {
	polls := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	ms := -1
	if d > 0 {
		ms = int(d.Milliseconds())
	}
	for {
		switch n, errno := RawRecv(fd, b); errno {
		case 0:
			return n, nil
		case unix.EAGAIN:
		default:
			return 0, errno
		}
		switch n, err := unix.Poll(polls[:], ms); {
		case err != nil && err != unix.EINTR:
			return 0, err
		case err == nil && n == 0:
			return 0, unix.EAGAIN
		}
	}
}

// BoundSends has a blocking socket's sends fail after d.
func BoundSends(fd int, d time.Duration) error {
	tv := unix.NsecToTimeval(int64(d))
	return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv)
}

// BoundReceives has a blocking socket's receives fail with EAGAIN after d; 0 is
// never.
func BoundReceives(fd int, d time.Duration) error {
	tv := unix.NsecToTimeval(int64(d))
	return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
}

// HangUp ends both directions of a connection, and unblocks the goroutines that read or
// write it. It does nothing to a connection that the peer has ended already.
func HangUp(fd int) { unix.Shutdown(fd, unix.SHUT_RDWR) }

// sendBuffer is the most that a process may ask for without privileges, on most systems
// twice the default. Readers and writers take turns less often with it.
const sendBuffer = 212992

// Widen gives a socket a larger send buffer. Without it everything works, only slower.
func Widen(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer) }
