package ring

import (
	"math/bits"
	"strconv"
	"unsafe"
)

// Footprint returns how many bytes a ring of that capacity takes at most, beside its
// Signal, as long as no more than queued elements were ever in it at once. It counts the
// elements themselves, and not what they point to. The runtime may make a piece of memory
// an eighth larger than it has to be, which is counted as well; on 32-bit machines a
// little more.
func Footprint[T any](capacity, queued int) int64 {
	s := shared[T]{setup: setup[T]{capacity: uint64(max(capacity, 1)), shift: chunkShift(capacity, elementSize[T]())}}
	s.slotMask = 1<<s.shift - 1
	chunks := min(s.maxChunks(), (uint64(max(queued, 0))+s.slotMask)>>s.shift+2)
	if queued <= 0 {
		chunks = 0
	}
	chunkSize := int64(unsafe.Sizeof(chunk[T]{})) + int64(s.slotMask+1)*int64(elementSize[T]())
	pointerSize := int64(unsafe.Sizeof(uintptr(0)))
	size := int64(unsafe.Sizeof(Ring[T]{})) + int64(s.tableEntries())*pointerSize + int64(chunks)*chunkSize
	return size + size/8*(96-strconv.IntSize)/32 // an eighth, or a quarter on 32-bit machines
}

// tableEntries is how many entries the table has: as many as there can be chunks, and a
// power of two.
func (s *shared[T]) tableEntries() uint64 { return 1 << bits.Len64(s.maxChunks()-1) }
