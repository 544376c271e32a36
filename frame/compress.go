package frame

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// CompressAbove is the payload length up to which Compress does not try: the
// gain would not pay for the work on either side.
const CompressAbove = 512

// What can be wrong with a compressed payload.
var (
	errInflateSize = &DecodeError{"payload", HeaderSize, ErrInflate}
	errInflateBomb = &DecodeError{"payload", HeaderSize, ErrTooLarge}
)

// Compress appends payload, compressed by method (FlagS2 or FlagZstd), to dst
// and returns the flag to set. Where that is not worth it, for the payload is
// small or would not become smaller, it returns dst as it was and no flag. It
// panics for another method. dst must not overlap payload.
func Compress(dst, payload []byte, method Flags) ([]byte, Flags) {
	if method != FlagS2 && method != FlagZstd {
		panic("frame: compress by an unknown method")
	}
	if len(payload) <= CompressAbove || len(payload) > MaxSize-HeaderSize {
		return dst, 0
	}
	var out []byte
	start := len(dst)
	if method == FlagS2 {
		most := s2.MaxEncodedLen(len(payload))
		if most < 0 { // more than an int can say, on a 32-bit machine
			return dst, 0
		}
		out = slices.Grow(dst, most)
		out = out[:start+len(s2.Encode(out[start:cap(out)], payload))]
	} else {
		out = encoder().EncodeAll(payload, dst)
	}
	if len(out)-start >= len(payload) {
		return dst, 0
	}
	return out, method
}

// Inflate appends the payload of f to dst, inflated if f carries a compression
// flag, else as it is. It fails with ErrInflate where the payload is not what
// the flag says, and with ErrTooLarge, before anything is allocated, where it
// would be longer than maxPayload; dst is returned as it was then. dst must
// not overlap f.
func Inflate(dst []byte, f Frame, maxPayload int) ([]byte, error) {
	src := f.Payload()
	n, err := inflatedLen(f.Flags(), src, maxPayload)
	if err != nil {
		return dst, err
	}
	if f.Flags()&FlagZstd != 0 && !isOneZstdFrame(src) {
		return dst, errInflateSize
	}
	start := len(dst)
	out := slices.Grow(dst, n)
	room := out[start : start+n : start+n] // decoders write no further than this
	switch f.Flags() & FlagCompressed {
	case FlagS2:
		room, err = s2.Decode(room, src)
	case FlagZstd:
		room, err = decoder().DecodeAll(src, room[:0])
	default:
		copy(room, src)
	}
	// A decoder that is content and has another length was lied to by the
	// payload's own header.
	if err != nil || len(room) != n {
		return dst, errInflateSize
	}
	if n > 0 && &room[0] != &out[:start+1][start] {
		copy(out[start:start+n], room) // it preferred memory of its own
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
	out, err := Inflate(out, f, int(bound(maxSize))-head)
	if err != nil {
		return dst, err
	}
	g := Frame(out[start:])
	binary.LittleEndian.PutUint32(g[offLength:], uint32(len(g)))
	g.SetFlags(f.Flags() &^ FlagCompressed)
	return out, nil
}

// InflatedLen returns how many bytes AppendInflated would append, so that there
// is memory of the right size for them. It believes the payload's own header, of
// which Inflate finds out whether it is true, but nothing above maxSize: it fails
// with ErrTooLarge then, and with ErrInflate where the header already is not what
// the flag says. It allocates nothing.
func InflatedLen(f Frame, maxSize int) (int, error) {
	src := f.Payload()
	head := len(f) - len(src)
	n, err := inflatedLen(f.Flags(), src, int(bound(maxSize))-head)
	return head + n, err
}

// inflatedLen reads the length of the inflated payload from its own header.
func inflatedLen(flags Flags, src []byte, maxPayload int) (int, error) {
	size := uint64(len(src))
	switch flags & FlagCompressed {
	case FlagS2:
		var ok bool
		if size, ok = s2Len(src); !ok {
			return 0, errInflateSize
		}
	case FlagZstd:
		h, ok := zstdHeader(src)
		if !ok {
			return 0, errInflateSize
		}
		size = h.FrameContentSize
	}
	if size > uint64(max(maxPayload, 0)) {
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

// zstdHeader reads the header of the frame of zstd at the beginning of src. It has to
// state the content size, and to do without a dictionary.
func zstdHeader(src []byte) (h zstd.Header, ok bool) {
	const (
		descriptor = 4    // where in the header
		refused    = 0x0b // its bits for a dictionary's id, and one that is reserved
	)
	if len(src) <= descriptor || src[descriptor]&refused != 0 {
		return h, false
	}
	err := h.Decode(src)
	return h, err == nil && !h.Skippable && h.HasFCS
}

// isOneZstdFrame reports whether src is a frame of zstd to its end, by the lengths of
// its blocks. A decoder takes any number of them, and skips what calls itself skippable.
func isOneZstdFrame(src []byte) bool {
	const (
		head = 3 // of a block: the bits below, and its length
		last = 0x01
		kind = 0x06
		run  = 0x02 // one byte, repeated length times
	)
	h, ok := zstdHeader(src)
	if !ok {
		return false
	}
	checksum := 0
	if h.HasCheckSum {
		checksum = 4
	}
	rest := src[h.HeaderSize:]
	for len(rest) >= head {
		block := uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16
		length := int(block >> 3)
		if block&kind == run {
			length = 1
		}
		if rest = rest[head:]; length > len(rest) {
			return false
		}
		if rest = rest[length:]; block&last != 0 {
			return len(rest) == checksum
		}
	}
	return false
}

// The zstd coders are stateless as they are used here, safe for concurrent use,
// and large: made at the first use, shared by all. They fail to be made only
// for bad options.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderCRC(false), // a socket of the same machine does not flip bits
			zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err)
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil,
			zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(MaxSize))
		if err != nil {
			panic(err)
		}
		return d
	})
)
