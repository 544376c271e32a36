package ebpf

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is the kernel's ring of records (kernel/bpf/ringbuf.c): a page with how far it was
// read, which only we write, one with how far it was written, and the data. The kernel offers
// the data twice in a row, so that no record goes round the end. We map it once, because each
// page counts as resident as often as it is mapped (TestTheRingIsResidentOnce), and put the
// few records together that do go round.
//
// available is safe for concurrent use; everything else is for one goroutine at a time.
type ring struct {
	consumer, producer []byte // as they are mapped; the data is behind the page of the producer
	data               []byte
	whole              []byte // a record that goes round the end
}

// The head of a record is its length with these bits, and 4 bytes more.
const (
	recordHead  = 8
	recordBusy  = 1 << 31 // it is being written
	recordDrop  = 1 << 30 // it is to be skipped
	recordFlags = recordBusy | recordDrop
)

// errRing is that of a ring that is not of the form above.
var errRing = errors.New("ebpf: the ring of records is malformed")

func mapRing(fd, size int) (*ring, error) {
	page := os.Getpagesize()
	consumer, err := unix.Mmap(fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	producer, err := unix.Mmap(fd, int64(page), page+size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Munmap(consumer) // see unmap
		return nil, os.NewSyscallError("mmap", err)
	}
	return &ring{consumer: consumer, producer: producer, data: producer[page:]}, nil
}

// unmap gives the memory back. Its errors are of ranges that are not mapped, and these are.
func (r *ring) unmap() {
	_ = unix.Munmap(r.consumer)
	_ = unix.Munmap(r.producer)
}

// position is how far the ring was read or written, in bytes since its begin.
func position(page []byte) *uintptr { return (*uintptr)(unsafe.Pointer(unsafe.SliceData(page))) }

// available returns how many bytes there are to read.
func (r *ring) available() uint64 {
	return uint64(atomic.LoadUintptr(position(r.producer)) - atomic.LoadUintptr(position(r.consumer)))
}

// read gives at most so many records to a function, up to one that is being written.
func (r *ring) read(most int, do func(record []byte)) error {
	mask := uintptr(len(r.data) - 1)
	for at := atomic.LoadUintptr(position(r.consumer)); most > 0; {
		left := atomic.LoadUintptr(position(r.producer)) - at
		if left == 0 {
			return nil
		}
		begin := at & mask
		// The kernel writes the head last, so that what is behind it is there.
		head := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[begin])))
		if head&recordBusy != 0 {
			return nil
		}
		length := uintptr(head &^ recordFlags)
		next := (recordHead + length + 7) &^ 7
		if next > left || left > uintptr(len(r.data)) {
			return errRing
		}
		if head&recordDrop == 0 {
			do(r.part(begin+recordHead, length))
			most--
		}
		at += next
		atomic.StoreUintptr(position(r.consumer), at) // from here on the kernel writes over it
	}
	return nil
}

// part returns a part of the data, which may begin at its end and go round it.
func (r *ring) part(begin, length uintptr) []byte {
	size := uintptr(len(r.data))
	begin &= size - 1
	if length <= size-begin {
		return r.data[begin : begin+length : begin+length]
	}
	r.whole = append(append(r.whole[:0], r.data[begin:]...), r.data[:length-(size-begin)]...)
	return r.whole
}
