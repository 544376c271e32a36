package ebpf

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Time is what a program took since it was loaded.
type Time struct {
	Program string
	ID      uint32 // the kernel's number of it, as bpftool shows it
	Runs    uint64
	Spent   time.Duration
	// Missed are runs that the kernel left out because the program was running on that
	// cpu already.
	Missed uint64
}

// MeasureTime has the kernel count runs and time of all programs of the host until stop
// is called, which costs each run some 20 ns.
func MeasureTime() (stop func(), err error) {
	c, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		return nil, classify(err)
	}
	return func() { c.Close() }, nil
}

// Times returns what each program took. Runs and Spent count only while somebody has the
// kernel measure it, as MeasureTime does.
func (p *Programs) Times() (times []Time, err error) {
	for _, g := range p.programs {
		s, err := g.Stats()
		if err != nil {
			return nil, classify(err)
		}
		times = append(times, Time{g.name, g.id, s.RunCount, s.Runtime, s.RecursionMisses})
	}
	return times, nil
}

// TimesOf returns what the programs took that another process has loaded. Finding them
// takes CAP_SYS_ADMIN, and CAP_SYS_PTRACE where the process is another user's.
func TimesOf(pid int) (times []Time, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fdinfo")
	descriptors, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	seen := map[ebpf.ProgramID]bool{0: true}
	for _, d := range descriptors {
		id, err := programOf(filepath.Join(dir, d.Name()))
		if err != nil || seen[id] {
			continue // it has been closed, or is none
		}
		seen[id] = true
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			return nil, classify(err)
		}
		t, err := timeOf(p, id)
		p.Close()
		if err != nil {
			return nil, classify(err)
		}
		times = append(times, t)
	}
	return times, nil
}

func timeOf(p *ebpf.Program, id ebpf.ProgramID) (Time, error) {
	info, err := p.Info()
	if err != nil {
		return Time{}, err
	}
	s, err := p.Stats()
	if err != nil {
		return Time{}, err
	}
	return Time{info.Name, uint32(id), s.RunCount, s.Runtime, s.RecursionMisses}, nil
}

// programOf reads which program a descriptor is of, 0 for none.
func programOf(fdinfo string) (ebpf.ProgramID, error) {
	b, err := os.ReadFile(fdinfo)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "prog_id:"); ok {
			id, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
			return ebpf.ProgramID(id), err
		}
	}
	return 0, nil
}
