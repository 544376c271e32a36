// Package procstat measures what a process takes of the machine: processor time,
// memory, threads and descriptors, read from procfs. It is for the agent itself
// and for the processes that it starts, at intervals of seconds; it is no
// profiler.
//
// It reads nothing but the files of that process, so that a procfs which shows
// only processes (ProcSubset=pid in systemd) is enough. A figure that cannot be
// measured is nil, and never 0.
package procstat

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Usage is what a process takes at one moment. What is not known is nil.
type Usage struct {
	CPUTime time.Duration // user and system, since the process started; the kernel counts in steps of 10 ms
	// CPUCore is the share of one core since an earlier sample, at least MinInterval
	// ago: 1 is one core busy, 2 are two. The first samples have none.
	CPUCore       *float64
	ResidentBytes *uint64
	Threads       *int
	Descriptors   *int // open files
}

// MinInterval is the least time over which a share of the processor is taken,
// because the kernel counts in steps of 10 ms. A sample that comes sooner has the
// share of the one before.
const MinInterval = 500 * time.Millisecond

// ErrHidden means that the process lives, but procfs does not show it to us, as with
// the mount option hidepid.
var ErrHidden = errors.New("hidden from us")

// Sampler takes samples of one process.
//
// One goroutine at a time.
type Sampler struct {
	proc       procfs.Proc
	root       string // where procfs is mounted
	startTicks uint64 // tells the process from a later one with the same pid

	// of the sample that the next share is taken from
	since time.Time
	used  time.Duration
	share *float64
}

// New makes a sampler for a process, which may be the caller itself. The error
// is os.ErrProcessDone when there is no such process. Any other error means that it
// cannot be measured now.
func New(pid int) (*Sampler, error) { return NewAt(procfs.DefaultMountPoint, pid) }

// NewAt is New for a procfs that is mounted at root.
func NewAt(root string, pid int) (*Sampler, error) {
	fs, err := procfs.NewFS(root)
	if err != nil {
		return nil, fmt.Errorf("procstat: procfs at %s: %w", root, err)
	}
	proc, err := fs.Proc(pid)
	if err != nil {
		return nil, failed(root, pid, err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return nil, failed(root, pid, err)
	}
	return &Sampler{proc: proc, root: root, startTicks: stat.Starttime}, nil
}

// Sample measures the process now. now should carry a monotonic reading, as
// time.Now does. The error is os.ErrProcessDone once the process has ended, also
// when another one has its pid by then, or it waits as a zombie for its parent.
func (s *Sampler) Sample(now time.Time) (Usage, error) {
	stat, err := s.proc.Stat()
	if err != nil {
		return Usage{}, failed(s.root, s.proc.PID, err)
	}
	if stat.Starttime != s.startTicks || stat.State == "Z" || stat.State == "X" {
		return Usage{}, failed(s.root, s.proc.PID, os.ErrProcessDone)
	}
	u := Usage{CPUTime: time.Duration(stat.UTime+stat.STime) * tick}
	u.CPUCore = s.shareUntil(now, u.CPUTime)
	// A process that lives has a thread and some memory: where the kernel reports 0 it
	// does not count them.
	if stat.RSS > 0 {
		u.ResidentBytes = new(uint64(stat.ResidentMemory()))
	}
	if stat.NumThreads > 0 {
		u.Threads = new(stat.NumThreads)
	}
	if n, err := s.proc.FileDescriptorsLen(); err == nil {
		u.Descriptors = new(n)
	}
	return u, nil
}

// shareUntil returns the share of a core, where the process has used that much
// processor time until now.
func (s *Sampler) shareUntil(now time.Time, used time.Duration) *float64 {
	interval := now.Sub(s.since)
	switch {
	case s.since.IsZero():
		s.since, s.used = now, used
	case interval >= MinInterval:
		s.share = new(float64(used-s.used) / float64(interval))
		s.since, s.used = now, used
	}
	return s.share
}

// Ending reports whether a process has ended or is about to: the kernel has begun
// to take it down, and it lets go of its connections only after that. Of one that
// procfs does not show it knows no more than whether it is there.
func Ending(pid int) bool {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return !exists(pid)
	}
	stat, err := proc.Stat()
	if err != nil {
		return !exists(pid)
	}
	return stat.State == "Z" || stat.State == "X" || stat.Flags&flagExiting != 0
}

const flagExiting = 0x4 // PF_EXITING

// tick is the unit of processor time in procfs: USER_HZ is 100 on every
// architecture that Go runs on.
const tick = 10 * time.Millisecond

// exists reports whether a process has that pid, a zombie among them.
func exists(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || err == unix.EPERM
}

// failed names the reason why a process cannot be measured: as a rule its end.
func failed(root string, pid int, err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		err = os.ErrProcessDone
		if root == procfs.DefaultMountPoint && exists(pid) {
			err = ErrHidden
		}
	}
	return fmt.Errorf("procstat: pid %d: %w", pid, err)
}
