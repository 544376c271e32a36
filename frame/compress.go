package frame

import (
	"encoding/binary"
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
		out = slices.Grow(dst, s2.MaxEncodedLen(len(payload)))
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
	size, err := inflatedLen(f.Flags(), src)
	if err != nil {
		return dst, err
	}
	if size > uint64(max(maxPayload, 0)) {
		return dst, errInflateBomb
	}
	start := len(dst)
	n := int(size)
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
	out, err := Inflate(out, f, min(maxSize, MaxSize)-head)
	if err != nil {
		return dst, err
	}
	g := Frame(out[start:])
	binary.LittleEndian.PutUint32(g[offLength:], uint32(len(g)))
	g.SetFlags(f.Flags() &^ FlagCompressed)
	return out, nil
}

// inflatedLen reads the length of the inflated payload from its own header.
func inflatedLen(flags Flags, src []byte) (uint64, error) {
	switch flags & FlagCompressed {
	case FlagS2:
		n, err := s2.DecodedLen(src)
		if err != nil {
			return 0, errInflateSize
		}
		return uint64(n), nil
	case FlagZstd:
		var h zstd.Header
		if err := h.Decode(src); err != nil || h.Skippable || !h.HasFCS {
			return 0, errInflateSize
		}
		return h.FrameContentSize, nil
	}
	return uint64(len(src)), nil
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
