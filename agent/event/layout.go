package event

// Version is the layout that this package writes and reads.
const Version = 1

// The layout, little-endian. Offsets are from the start of the event.
//
//	 0               1               2               3
//	+---------------+---------------+---------------+---------------+
//	| version       | type          | operation     | strings (n)   |  0
//	+---------------+---------------+---------------+---------------+
//	| length of the fixed part (f)  | reserved, 0                   |  4
//	+-------------------------------+-------------------------------+
//	| length of the whole event                                     |  8
//	+---------------------------------------------------------------+
//	| pid                                                           | 12
//	+---------------------------------------------------------------+
//	| flags (8 bytes)                                               | 16
//	| start ticks of the process (8 bytes)                          | 24
//	| sequence of the source (8 bytes)                              | 32
//	| monotonic time, ns (8 bytes)                                  | 40
//	| wall time, ns since 1970 (8 bytes)                            | 48
//	| boot id (16 bytes)                                            | 56
//	+---------------------------------------------------------------+
//	| body, by type and operation; see below                        | 72
//	+---------------------------------------------------------------+
//	| offset table: n times the end of a string in the heap (u32)   |  f
//	+---------------------------------------------------------------+
//	| heap: the strings, one after another                          |  f + 4n
//	+---------------------------------------------------------------+
//
// String i lies between the ends i-1 and i, so that strings can neither overlap
// nor leave the heap once the ends are known not to decrease. f grows when
// numbers are added, n when strings are: readers take the heap's place from f
// and n and not from what they know.
const (
	offVersion    = 0
	offType       = 1
	offOperation  = 2
	offStrings    = 3
	offFixed      = 4
	offLength     = 8
	offPID        = 12
	offFlags      = 16
	offStartTicks = 24
	offSequence   = 32
	offMono       = 40
	offWall       = 48
	offBootID     = 56
	headerFixed   = 72 // minimum of f
)

// Body of a process event: type process, every operation but gap.
const (
	offPPID        = 72 // u32
	offUID         = 76 // u32, effective
	offGID         = 80 // u32, effective
	offExitCode    = 84 // u8, what the process gave to exit
	offExitSignal  = 85 // u8, the signal that ended it, 0 for none; 86: 2 bytes reserved
	offParentTicks = 88 // u64, start ticks of the parent, 0 when not known
	processFixed   = 96
)

// Body of a gap event: operation gap, every type.
const (
	offLost  = 72 // u64, lost since the last gap event, 0 when not known
	offTotal = 80 // u64, lost since the source was opened, as far as known
	gapFixed = 88
)

// Strings of every event, then those of each body. Their order is the protocol.
const (
	strHost       = 0
	strCollector  = 1
	headerStrings = 2

	strName          = 2
	strExecutable    = 3
	strCommandLine   = 4 // the arguments with one space between them
	strArgEnds       = 5 // u16 for each argument: where it ends in the command line
	strDirectory     = 6
	strParentName    = 7
	strParentExe     = 8
	strParentCommand = 9 // the arguments with one space between them
	processStrings   = 10

	strReason  = 2
	gapStrings = 3
)

const (
	offsetSize = 4 // of an entry of the offset table
	argEndSize = 2 // of an entry of strArgEnds
)

// Bounds on text in bytes. What is longer is cut, at the start of a character
// where the text is UTF-8.
const (
	MaxCommandLine = 4096 // command lines; the event then carries CommandLineTruncated
	MaxPath        = 4096 // executables and working directories: PATH_MAX
	MaxName        = 64   // process names and collector names; the kernel keeps 15 bytes, more for its own threads
	MaxHost        = 255  // host names
	MaxReason      = 255  // reasons of gaps
)

// MaxSize is a bound on a whole event: all that text may take, where each
// argument has a byte and its end.
const MaxSize = processFixed + processStrings*offsetSize + MaxHost + 3*MaxName + 3*MaxPath +
	2*MaxCommandLine + (MaxCommandLine+1)*argEndSize
