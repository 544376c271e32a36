package event

// Version is the layout that this package writes. It reads version 1 as well.
const Version = 2

// An event begins with a head of 64 bytes, and then has up to four blocks, in
// the order of the directory. LAYOUT.md is the whole of it, with every field.
// Numbers are little-endian; places are offsets from the start of the event.
const (
	offVersion    = 0  // u8
	offType       = 1  // u8
	offOperation  = 2  // u8
	offTable      = 3  // u8, which fields the body has
	offReserved   = 4  // u32, 0
	offLength     = 8  // u32, of the whole event
	offPID        = 12 // u32
	offFlags      = 16 // u64
	offStartTicks = 24 // u64
	offSequence   = 32 // u64
	offMono       = 40 // i64
	offWall       = 48 // i64
	offOrigin     = 56 // u16, place of the block that shows where the event is from; 0: there is none
	offActor      = 58 // u16, of the one that shows who acted
	offBody       = 60 // u16, of what belongs to the table
	offExtra      = 62 // u16, of the fields that no table has
	headSize      = 64
)

// Bounds on text in bytes. What is longer is cut, at the start of a character
// where the text is UTF-8; an ancestor's path keeps its end, which is what rules
// look at. The event then carries TextTruncated, for a command line
// CommandLineTruncated.
const (
	MaxCommandLine  = 4096 // command lines
	MaxPath         = 4096 // paths: PATH_MAX
	MaxAncestorPath = 256  // executables of ancestors
	MaxName         = 64   // names of processes, users and collectors; the kernel keeps 15 bytes of a process, more of its own threads
	MaxID           = 128  // ids that are text: host, container, hash
	MaxUnit         = 256  // units of systemd: UNIT_NAME_MAX
	MaxHost         = 255  // names of hosts and domains
	MaxReason       = 255  // reasons of gaps
	MaxAnswers      = 1024 // answers to a query, all of them
	MaxLabels       = 1024 // labels, all of them with 3 bytes for each
	MaxExtra        = 8192 // fields that no table has, all of them with 3 bytes for each
)

// MaxSize is a bound on a whole event, of every table: what the bounds above allow
// stays below it (TestAnEventOfTheLargestSizeFits). A place, which is a u16, could
// name a little more.
const MaxSize = 56 << 10
