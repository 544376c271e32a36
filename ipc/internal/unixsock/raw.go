package unixsock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The routing thread makes its system calls on descriptors that cannot block without
// telling Go's scheduler: to enter and leave a call costs more than many of them take,
// and the scheduler's monitor would take the processor away after 20 µs. Calls that may
// block, the wait for events and a client's reads and writes, go through the scheduler,
// so that the garbage collector never waits for them.

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

// Piece returns b as a piece of a write; b is not empty. Its length has another type on
// 32-bit machines.
func Piece(b []byte) unix.Iovec {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return v
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

// RawEpollWait returns the events that there are, without waiting.
func RawEpollWait(fd int, events []unix.EpollEvent) (n int, errno unix.Errno) {
	r, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	return int(r), e
}
