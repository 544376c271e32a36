package ebpf

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control is struct control of c/kit.h, in the memory that the programs write too.
type control struct {
	wakeAt  atomic.Uint64 // fill of the ring at which the reader wants to be woken; 0 for never
	lost    atomic.Uint64 // records that found the ring full
	prompt  atomic.Uint64 // records that are not quiet
	quarter atomic.Uint64 // fill of the ring at which quiet records wake the reader as well
	noRest  atomic.Uint64 // 1: no record is to be quiet
}

// mapControl maps the page. It is valid until unmap.
func mapControl(fd int) (*control, func(), error) {
	page, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return (*control)(unsafe.Pointer(unsafe.SliceData(page))), func() { _ = unix.Munmap(page) }, nil
}
