// Package procstat measures what a process takes of the machine: processor time,
// memory, threads and descriptors, read from procfs. It is for the agent itself
// and for the processes that it starts, at intervals of seconds; it is no
// profiler.
package procstat

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Sample is what a process took at one moment and in the interval before it.
type Sample struct {
	Time     time.Time
	PID      int
	Interval time.Duration // since the sample before; 0 for the first one

	CPUTime       time.Duration // user and system, since the process started; the kernel counts in steps of 10 ms
	CPUCore       float64       // share of one core in Interval: 1 is one core busy, 2 are two; 0 for the first sample
	CPUMachine    float64       // share of all cores in Interval, 0 to 1; 0 for the first sample
	ResidentBytes int64
	Threads       int
	Descriptors   int // open files; -1 when they are not ours to count
}

// Sampler takes samples of one process.
//
// One goroutine at a time.
type Sampler struct {
	proc       procfs.Proc
	cores      int
	startTicks uint64 // tells the process from a later one with the same pid

	last    Sample // CPUTime and time of the sample before
	sampled bool
}

// New makes a sampler for a process, which may be the caller itself. The error
// is os.ErrProcessDone when there is no such process.
func New(pid int) (*Sampler, error) { return NewAt("/proc", pid) }

// NewAt is New for a procfs that is mounted at root.
func NewAt(root string, pid int) (*Sampler, error) {
	fs, err := procfs.NewFS(root)
	if err != nil {
		return nil, fmt.Errorf("procstat: procfs at %s: %w", root, err)
	}
	machine, err := fs.Stat()
	if err != nil {
		return nil, fmt.Errorf("procstat: cores of the machine: %w", err)
	}
	proc, err := fs.Proc(pid)
	if err != nil {
		return nil, failed(pid, err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return nil, failed(pid, err)
	}
	return &Sampler{proc: proc, cores: max(len(machine.CPU), 1), startTicks: stat.Starttime}, nil
}

// Cores returns the number of cores of the machine.
func (s *Sampler) Cores() int { return s.cores }

// Sample measures the process now. The shares are over the time since the sample
// before, so that the first sample has none. now should carry a monotonic
// reading, as time.Now does; a now that is not after the last one gives no shares
// either. The error is os.ErrProcessDone once the process has ended, also when
// another one has its pid by then, or waits as a zombie for its parent.
func (s *Sampler) Sample(now time.Time) (Sample, error) {
	stat, err := s.proc.Stat()
	if err != nil {
		return Sample{}, failed(s.proc.PID, err)
	}
	if stat.Starttime != s.startTicks || stat.State == "Z" || stat.State == "X" {
		return Sample{}, failed(s.proc.PID, os.ErrProcessDone)
	}
	sample := Sample{
		Time:          now,
		PID:           s.proc.PID,
		CPUTime:       time.Duration(stat.UTime+stat.STime) * tick,
		ResidentBytes: int64(stat.ResidentMemory()),
		Threads:       stat.NumThreads,
		Descriptors:   -1,
	}
	if n, err := s.proc.FileDescriptorsLen(); err == nil {
		sample.Descriptors = n
	}
	if interval := now.Sub(s.last.Time); s.sampled && interval > 0 {
		sample.Interval = interval
		sample.CPUCore = float64(sample.CPUTime-s.last.CPUTime) / float64(interval)
		sample.CPUMachine = sample.CPUCore / float64(s.cores)
	}
	s.last, s.sampled = sample, true
	return sample, nil
}

// Ending reports whether a process has ended or is about to: the kernel has
// begun to take it down. It lets go of its connections only after that.
func Ending(pid int) bool {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return true
	}
	stat, err := proc.Stat()
	return err != nil || stat.State == "Z" || stat.State == "X" || stat.Flags&flagExiting != 0
}

const flagExiting = 0x4 // PF_EXITING

// tick is the unit of processor time in procfs: USER_HZ is 100 on every
// architecture that Go runs on.
const tick = 10 * time.Millisecond

// failed gives the end of a process its standard identity.
func failed(pid int, err error) error {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		err = os.ErrProcessDone
	}
	return fmt.Errorf("procstat: pid %d: %w", pid, err)
}
