package unixsock

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The routing thread makes its system calls on descriptors that cannot block
// without telling Go's scheduler: entering and leaving a call costs more than
// many of them, and the scheduler's monitor would take the processor away after
// 20 µs. What may block, waiting for events and a client's reads and writes,
// goes through the scheduler, so that the collector never waits for it.

// Sizes of what is read into, on both sides of a connection.
const (
	ReadBuffer = 256 << 10
	ReadRoom   = 64 << 10 // another buffer is taken when less than this is left
)

// RawRecv reads into b without blocking. n is 0 at the end of the stream.
func RawRecv(fd int, b []byte) (n int, errno unix.Errno) {
	for {
		r, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
		if e != unix.EINTR {
			return int(r), e
		}
	}
}

// RawRecv2 reads into a and then b without blocking.
func RawRecv2(fd int, a, b []byte) (n int, errno unix.Errno) {
	iov := [2]unix.Iovec{{Base: unsafe.SliceData(a)}, {Base: unsafe.SliceData(b)}}
	iov[0].SetLen(len(a))
	iov[1].SetLen(len(b))
	h := unix.Msghdr{Iov: &iov[0]}
	h.SetIovlen(2)
	for {
		r, _, e := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&h)), unix.MSG_DONTWAIT)
		if e != unix.EINTR {
			return int(r), e
		}
	}
}

// RawSend writes the pieces without blocking; n may be less than their sum.
func RawSend(fd int, iov []unix.Iovec) (n int, errno unix.Errno) {
	h := unix.Msghdr{Iov: unsafe.SliceData(iov)}
	h.SetIovlen(len(iov))
	for {
		r, _, e := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&h)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if e != unix.EINTR {
			return int(r), e
		}
	}
}

// RawEpollWait looks for events without waiting.
func RawEpollWait(fd int, events []unix.EpollEvent) (n int, errno unix.Errno) {
	r, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	return int(r), e
}

// SendAll writes all of b to a blocking socket; n says how much of it was
// written when that fails. What the socket takes at once is written without
// telling the scheduler.
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

// RecvPolled is Recv for a descriptor that is written to as well: it waits in
// poll(2). It fails with EAGAIN after d; 0 is never.
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

// HangUp ends both directions of a connection, and unblocks who reads or writes
// it. A connection that the peer has ended already is none to end.
func HangUp(fd int) { unix.Shutdown(fd, unix.SHUT_RDWR) }

// sendBuffer is what a socket asks for: the most that a process may have
// without privileges, on most systems twice the default. Readers and writers
// take turns less often with it.
const sendBuffer = 212992

// Widen gives a socket a larger send buffer; without it all works, only slower.
func Widen(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer) }
