// Package wire is the form of one block of an event: how its numbers and strings lie in
// bytes, and how they are written, checked and read. It knows nothing of which fields there
// are.
package wire

import "encoding/binary"

// A block is a fixed part with numbers, a table of u16 which shows for each of
// its strings where it ends in the heap, and the heap. String i lies between the
// ends i-1 and i, so that strings can neither overlap nor leave the heap once
// the ends are known not to decrease. The fixed part grows when numbers are
// added, the table when strings are: a reader takes the heap's place from the
// lengths in the block and not from what it knows.
const (
	OffFixed   = 0 // u16, length of the fixed part
	OffStrings = 2 // u8, number of strings; 3: reserved, 0
	OffPresent = 4 // u64, bit i means that field i of the block is there
	HeadSize   = 12

	EndSize = 2 // of an entry of the table, and of an entry in the ends of a list
)

// U16 goes without a slice, which would cost more than the number (BenchmarkEvent,
// op=text: 7.5 ns with one, 5.9 without).
func U16(b []byte, off int) int { return int(b[off]) | int(b[off+1])<<8 }

// Uint returns the number of width bytes at off.
func Uint(b []byte, off int, width uint8) uint64 {
	switch width {
	case 1:
		return uint64(b[off])
	case 2:
		return uint64(U16(b, off))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b[off:]))
	}
	return binary.LittleEndian.Uint64(b[off:])
}

// Has reports whether the block at base has the field of that bit.
func Has(b []byte, base int, bit uint8) bool {
	return b[base+OffPresent+int(bit>>3)]>>(bit&7)&1 != 0
}

// String returns string i of the block at base, nil when it has fewer.
func String(b []byte, base, i int) []byte {
	n := int(b[base+OffStrings])
	if i >= n {
		return nil
	}
	table := base + U16(b, base+OffFixed)
	heap := table + n*EndSize
	start := heap
	if i > 0 {
		start += U16(b, table+(i-1)*EndSize)
	}
	end := heap + U16(b, table+i*EndSize)
	return b[start:end:end]
}

// Check holds the lengths of a block against its bytes: the ends of the
// strings may not decrease, nor lie outside of the heap.
func Check(b []byte) bool {
	if len(b) < HeadSize {
		return false
	}
	fixed := U16(b, OffFixed)
	heap := fixed + int(b[OffStrings])*EndSize
	if fixed < HeadSize || heap > len(b) {
		return false
	}
	last := 0
	for i := fixed; i < heap; i += EndSize {
		end := U16(b, i)
		if end < last {
			return false
		}
		last = end
	}
	return last <= len(b)-heap
}
