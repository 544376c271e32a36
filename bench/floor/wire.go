package floor

import (
	"encoding/binary"
	"fmt"
)

const (
	lengthSize = 4        // little-endian length of the message that follows
	batchSize  = 64 << 10 // a publisher writes when it has this much
	readSize   = 256 << 10
)

// A connection to a relay begins with one byte that names its purpose; a
// subscriber is answered with the same byte once everything that is published from
// then on will reach it.
const (
	helloPublisher  = 'P'
	helloSubscriber = 'S'
)

// whole returns how many bytes of b are complete messages.
func whole(b []byte) (int, error) {
	n := 0
	for len(b)-n >= lengthSize {
		size := int(binary.LittleEndian.Uint32(b[n:]))
		if size > readSize-lengthSize {
			return n, fmt.Errorf("floor: message of %d bytes", size)
		}
		if len(b)-n < lengthSize+size {
			break
		}
		n += lengthSize + size
	}
	return n, nil
}
