package frame

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/klauspost/compress/s2"
)

// CompressAbove is the payload length up to which Compress does not try: the
// gain would not pay for the work on either side.
const CompressAbove = 512

// What can be wrong with a compressed payload.
var (
	errInflateSize = &DecodeError{"payload", HeaderSize, ErrInflate}
	errInflateBomb = &DecodeError{"payload", HeaderSize, ErrTooLarge}
)

// Compress appends payload, compressed by method, to dst and returns the flag to
// set. FlagS2 is the only method; it panics for another. Where compressing is not
// worth it, because the payload is small or would not become smaller, it returns
// dst as it was and no flag. dst must not overlap payload.
func Compress(dst, payload []byte, method Flags) ([]byte, Flags) {
	if method != FlagS2 {
		panic("frame: compress by an unknown method")
	}
	if len(payload) <= CompressAbove || len(payload) > MaxSize-HeaderSize {
		return dst, 0
	}
	most := s2.MaxEncodedLen(len(payload))
	if most < 0 { // more than an int can hold, on a 32-bit machine
		return dst, 0
	}
	start := len(dst)
	out := slices.Grow(dst, most)
	out = out[:start+len(s2.Encode(out[start:cap(out)], payload))]
	if len(out)-start >= len(payload) {
		return dst, 0
	}
	return out, method
}

// Inflate appends the payload of f to dst, inflated if f carries a compression
// flag, else as it is. It fails with ErrInflate where the payload is not what
// the flag is for, and with ErrTooLarge, before anything is allocated, where the
// whole frame would be longer than maxSize with it; dst is returned as it was then.
// It allocates nothing but the room in dst, for as many bytes as InflatedLen returns.
// dst must not overlap f.
func Inflate(dst []byte, f Frame, maxSize int) ([]byte, error) {
	n, err := InflatedLen(f, maxSize)
	if err != nil {
		return dst, err
	}
	src := f.Payload()
	n -= len(f) - len(src)
	start := len(dst)
	out := slices.Grow(dst, n)
	room := out[start : start+n : start+n] // the decoder writes no further than this
	if f.Flags()&FlagCompressed == 0 {
		copy(room, src)
	} else if _, err := s2.Decode(room, src); err != nil {
		return dst, errInflateSize
	}
	return out[:start+n], nil
}

// AppendInflated appends f with its payload inflated and the compression flag
// cleared: what a broker sends to a client that did not list the feature. It
// fails as Inflate does; maxSize bounds the whole frame. dst must not overlap f.
func AppendInflated(dst []byte, f Frame, maxSize int) ([]byte, error) {
	start := len(dst)
	head := len(f) - len(f.Payload())
	out := append(dst, f[:head]...)
	out, err := Inflate(out, f, maxSize)
	if err != nil {
		return dst, err
	}
	g := Frame(out[start:])
	binary.LittleEndian.PutUint32(g[offLength:], uint32(len(g)))
	g.SetFlags(f.Flags() &^ FlagCompressed)
	return out, nil
}

// InflatedLen returns how many bytes AppendInflated will append: a caller charges
// and takes memory of that size before it inflates. A payload that states another
// length than it has is found out by AppendInflated, which fails then; it never
// appends more. InflatedLen fails with ErrTooLarge for a length above maxSize, and
// with ErrInflate where there is no length. It reads at most five bytes of the
// payload and allocates nothing.
func InflatedLen(f Frame, maxSize int) (int, error) {
	size := uint64(len(f))
	if f.Flags()&FlagCompressed != 0 {
		src := f.Payload()
		n, ok := s2Len(src)
		if !ok {
			return 0, errInflateSize
		}
		size += n - uint64(len(src))
	}
	if size > bound(maxSize) {
		return 0, errInflateBomb
	}
	return int(size), nil
}

// s2Len reads the inflated length that a block of s2 begins with: a varint of at
// most five bytes, below 2^32. The decoder would take a longer one, and on a 32-bit
// machine would call a block corrupt that only is too large.
func s2Len(src []byte) (n uint64, ok bool) {
	for i := range min(len(src), 5) {
		n |= uint64(src[i]&0x7f) << (7 * i)
		if src[i] < 0x80 {
			return n, n <= math.MaxUint32
		}
	}
	return 0, false
}
