package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/bench/load"
)

// Usage is what a process has cost during a measurement.
type Usage struct {
	Wall   time.Duration `json:"wall"`
	CPU    time.Duration `json:"cpu"` // user and system time of all threads
	RSS    int64         `json:"rss"` // resident bytes at the end
	Pauses Pauses        `json:"pauses"`
	// Allocs is how many objects were allocated on the heap; nil: of a program that
	// does not count them.
	Allocs *uint64 `json:"allocs,omitempty"`
}

// Cores returns the CPU time as a share of one core: 0.25 is a quarter of a core.
func (u Usage) Cores() float64 {
	if u.Wall <= 0 {
		return 0
	}
	return float64(u.CPU) / float64(u.Wall)
}

// Measure blocks until the measured part of span is over, and returns what the calling
// process has cost in it.
func Measure(ctx context.Context, span load.Span) (Usage, error) {
	if err := wait(ctx, span.From); err != nil {
		return Usage{}, err
	}
	at, cpu, pauses := load.Now(), ownCPU(), readPauses()
	before, counted := readAllocs() // last here and first below: what measures is not measured
	if err := wait(ctx, span.To); err != nil {
		return Usage{}, err
	}
	after, _ := readAllocs()
	u := Usage{
		Wall:   time.Duration(load.Now() - at),
		CPU:    ownCPU() - cpu,
		Pauses: readPauses().since(pauses),
	}
	if counted {
		made := after - before
		u.Allocs = &made
	}
	var err error
	u.RSS, err = ReadRSS(os.Getpid())
	return u, err
}

// wait is coarse, and costs one wake-up: the sharper load.SleepUntil would show in
// the CPU time of a process that is idle.
func wait(ctx context.Context, ns int64) error {
	t := time.NewTimer(time.Duration(ns - load.Now()))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func ownCPU() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic("proc: getrusage: " + err.Error()) // only a bad pointer can make it fail
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// ReadRSS returns the resident bytes of any process of this user.
func ReadRSS(pid int) (int64, error) {
	fields, err := procFields(pid, "statm", 2)
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("proc: statm of %d: %w", pid, err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// ticks is USER_HZ, in which the kernel gives times in /proc on every architecture
// that Go runs on.
const ticks = 100

// ReadCPU returns the user and system time of any process, in steps of 10 ms.
func ReadCPU(pid int) (time.Duration, error) {
	const utime, stime = 11, 12 // counted from the field after the command name
	fields, err := procFields(pid, "stat", stime+1)
	if err != nil {
		return 0, err
	}
	var total int64
	for _, f := range fields[utime : stime+1] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("proc: stat of %d: %w", pid, err)
		}
		total += n
	}
	return time.Duration(total) * (time.Second / ticks), nil
}

// procFields returns the fields of /proc/pid/name. In stat, those up to the command
// name are left out: that name may hold blanks and brackets, so only its last
// bracket can be trusted.
func procFields(pid int, name string, least int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		return nil, err
	}
	if i := bytes.LastIndexByte(b, ')'); i >= 0 {
		b = b[i+1:]
	}
	var fields []string
	for f := range bytes.FieldsSeq(b) {
		fields = append(fields, string(f))
	}
	if len(fields) < least {
		return nil, fmt.Errorf("proc: %s of %d: %d fields where at least %d were due", name, pid, len(fields), least)
	}
	return fields, nil
}
