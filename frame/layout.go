package frame

import "math"

// Version is the version of the format that this package speaks.
const Version = 1

// HeaderSize is the length of the fixed header in front of topic, extension
// and payload.
const HeaderSize = 40

// Offsets of the header's fields. All integers are little-endian.
//
//	 0               1               2               3
//	+---------------+---------------+---------------+---------------+
//	|                            length                             |  0
//	+---------------+---------------+---------------+---------------+
//	|    version    |     type      |     flags     |   priority    |  4
//	+---------------+---------------+---------------+---------------+
//	| topic length  | content type  |       extension length        |  8
//	+---------------+---------------+---------------+---------------+
//	|                        source (stamp)                         | 12
//	+---------------+---------------+---------------+---------------+
//	|                                                               | 16
//	+                              id                               +
//	|                                                               |
//	+---------------+---------------+---------------+---------------+
//	|                                                               | 24
//	+                             time                              +
//	|                                                               |
//	+---------------+---------------+---------------+---------------+
//	|                                                               | 32
//	+                       sequence (stamp)                        +
//	|                                                               |
//	+---------------+---------------+---------------+---------------+
//	| topic, extension, payload                                     | 40
const (
	offLength   = 0
	offVersion  = 4
	offType     = 5
	offFlags    = 6
	offPriority = 7
	offTopicLen = 8
	offContent  = 9
	offExtLen   = 10
	offSource   = 12
	offID       = 16
	offTime     = 24
	offSequence = 32
	offTopic    = HeaderSize
)

// Bounds of the format. What a connection admits is negotiated below MaxSize.
const (
	MaxSize      = math.MaxInt32 // of a frame; the length field could hold more, an int on every machine could not
	MaxTopic     = 255           // bytes of a topic
	MaxSegments  = 8             // segments of a topic
	MaxExtension = math.MaxUint16

	// DefaultMaxSize is the frame length that a broker admits unless it was
	// configured otherwise.
	DefaultMaxSize = 1 << 20
)

// The fields from version to extension length fill eight bytes. They are
// loaded as one word and taken apart by shifts.
const (
	shiftType     = 8 * (offType - offVersion)
	shiftFlags    = 8 * (offFlags - offVersion)
	shiftPriority = 8 * (offPriority - offVersion)
	shiftTopicLen = 8 * (offTopicLen - offVersion)
	shiftExtLen   = 8 * (offExtLen - offVersion)
)
