package load

import "encoding/binary"

// StampSize is how many bytes at the start of a payload the stamp takes: the
// smallest message that can be measured.
const StampSize = 24

// Stamp is what a generated message carries about itself.
//
//	 0 u64 sequence   of this publisher, from 0
//	 8 i64 time       when it was due, CLOCK_MONOTONIC ns
//	16 u32 publisher
//	20 u32 last       1 in the last message of this publisher
type Stamp struct {
	Sequence  uint64
	Time      int64
	Publisher uint32
	Last      bool
}

// Put writes s over the first StampSize bytes of payload.
func (s Stamp) Put(payload []byte) {
	b := payload[:StampSize]
	binary.LittleEndian.PutUint64(b[0:], s.Sequence)
	binary.LittleEndian.PutUint64(b[8:], uint64(s.Time))
	binary.LittleEndian.PutUint32(b[16:], s.Publisher)
	var last uint32
	if s.Last {
		last = 1
	}
	binary.LittleEndian.PutUint32(b[20:], last)
}

// ReadStamp reads the stamp of payload; ok is false when the payload is too short to
// have one.
func ReadStamp(payload []byte) (s Stamp, ok bool) {
	if len(payload) < StampSize {
		return Stamp{}, false
	}
	b := payload[:StampSize]
	return Stamp{
		Sequence:  binary.LittleEndian.Uint64(b[0:]),
		Time:      int64(binary.LittleEndian.Uint64(b[8:])),
		Publisher: binary.LittleEndian.Uint32(b[16:]),
		Last:      binary.LittleEndian.Uint32(b[20:]) == 1,
	}, true
}
