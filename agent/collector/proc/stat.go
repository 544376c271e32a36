package proc

import (
	"bytes"
)

// Stat is what is taken from /proc/PID/stat.
type Stat struct {
	Name       []byte // borrowed from the parsed bytes
	State      byte
	PPID       uint32
	Kernel     bool   // a thread of the kernel
	Exiting    bool   // the kernel has begun to take the leader down
	CPUTicks   uint64 // processor time, of ended threads too
	Threads    uint64
	StartTicks uint64
	RSSPages   uint64 // resident memory
	// Stack is where the stack of the running program begins. Each exec puts it
	// at random, and a fork keeps it, so that it tells one image of a process
	// from the next. 0 when the kernel keeps it from us.
	Stack uint64
	// Loading means that the process has no program: it is in the middle of an
	// exec, and what /proc shows of its image is half the old and half the new, or
	// it is about to end.
	Loading bool
}

// Fields of /proc/PID/stat as proc_pid_stat(5) counts them.
const (
	fieldState   = 3
	fieldPPID    = 4
	fieldFlags   = 9
	fieldUser    = 14
	fieldSystem  = 15
	fieldThreads = 20
	fieldStart   = 22
	fieldRSS     = 24
	fieldCode    = 26
	fieldStack   = 28
)

const (
	flagExiting      = 0x00000004 // PF_EXITING
	flagKernelThread = 0x00200000 // PF_KTHREAD
)

// parseStat parses the content of /proc/PID/stat, and reports whether it could.
func parseStat(b []byte) (s Stat, ok bool) {
	// The name may hold anything, parentheses and spaces too.
	open, shut := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || shut < open || shut+2 >= len(b) {
		return s, false
	}
	s.Name = b[open+1 : shut]
	rest := b[shut+2:]
	for field := fieldState; field <= fieldStack; field++ {
		var word []byte
		if word, rest, _ = bytes.Cut(rest, space); len(word) == 0 {
			return s, false
		}
		switch field {
		case fieldState:
			s.State = word[0]
		case fieldPPID:
			s.PPID = uint32(decimal(word))
		case fieldFlags:
			flags := decimal(word)
			s.Kernel, s.Exiting = flags&flagKernelThread != 0, flags&flagExiting != 0
		case fieldUser, fieldSystem:
			s.CPUTicks += decimal(word)
		case fieldThreads:
			s.Threads = decimal(word)
		case fieldStart:
			s.StartTicks = decimal(word)
		case fieldRSS:
			s.RSSPages = decimal(word)
		case fieldCode:
			// Where the code begins: the kernel sets it when a program has been
			// loaded, at the same time as the stack's final place. It is 1 to
			// those who may not know, and 0 too of a leader that has ended.
			s.Loading = !s.Kernel && decimal(word) == 0 && !s.Dead()
		case fieldStack:
			if !s.Loading {
				s.Stack = decimal(word)
			}
		}
	}
	return s, true
}

var space = []byte{' '}

// decimal reads a number that the kernel wrote; anything else is 0.
func decimal(b []byte) (n uint64) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// Dead reports whether the leader has ended.
func (s *Stat) Dead() bool { return s.State == 'Z' || s.State == 'X' || s.State == 'x' }

// Ended reports whether nothing is left of the process but its entry, which
// waits for the parent. A leader that ended before the other threads looks like
// that too, but for the number of threads.
func (s *Stat) Ended() bool { return s.Dead() && s.Threads <= 1 }

// Leaderless reports whether the leader has ended, and other threads have not.
func (s *Stat) Leaderless() bool { return s.Dead() && s.Threads > 1 }
