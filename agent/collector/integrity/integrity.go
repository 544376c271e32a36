// Package integrity hashes the programs that processes run: each file once, and again
// when it has changed. It works beside what observes the processes, so that a large file
// delays no event, and takes a bounded amount of time and memory: what exceeds it is not
// hashed and is counted.
package integrity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/actor"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/event"
)

const (
	maxPending = 1024     // programs that wait to be looked at
	chunkBytes = 64 << 10 // that are read at a time
)

// Options configure a Hasher.
type Options struct {
	Root    string // where procfs is mounted
	MaxSize int64  // bytes of a file; a larger one is not hashed
	Rate    int64  // bytes a second
}

// Finding is a program that was not known, or is another one than before.
type Finding struct {
	Process  actor.Process // that runs or ran it
	SHA256   string        // empty where the file is larger than Options.MaxSize
	Previous string        // hash of what had the path before; empty for nothing
	Size     int64
}

// Hasher hashes. Note is for one goroutine, and Run for another one.
type Hasher struct {
	o     Options
	work  chan struct{} // holds a token while something waits
	files files         // owned by Run
	chunk []byte        // owned by Run

	mu      sync.Mutex
	order   []string                 // guarded by mu: what waits, in its order
	pending map[string]actor.Process // guarded by mu: by place
	missed  uint64                   // guarded by mu
}

// New makes a hasher, which does nothing before Run.
func New(o Options) *Hasher {
	return &Hasher{
		o: o, work: make(chan struct{}, 1), chunk: make([]byte, chunkBytes), pending: make(map[string]actor.Process),
		files: files{byNumber: newCache[number, state](), byPlace: newCache[string, string]()},
	}
}

// Note has the program of a process looked at, soon. It does not block, and does nothing
// for a process whose program is not known. A nil Hasher looks at none.
func (h *Hasher) Note(p *actor.Process) {
	if h == nil || p.Image.Executable == "" || p.Flags&(event.ExecutableUnread|event.KernelThread) != 0 {
		return
	}
	place := placeOf(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, waits := h.pending[place]; !waits {
		if len(h.pending) >= maxPending {
			h.missed++
			return
		}
		h.order = append(h.order, place)
	}
	h.pending[place] = *p // the latest one may still be there
	select {
	case h.work <- struct{}{}:
	default:
	}
}

// placeOf is the path of a program, apart from that of other containers.
func placeOf(p *actor.Process) string { return p.Cgroup.Container + ":" + p.Image.Executable }

// Run looks at what Note was given until ctx ends, and reports what is new. missed is how
// many programs were not looked at before that, because too many waited.
func (h *Hasher) Run(ctx context.Context, report func(f *Finding, missed uint64)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.work:
		}
		for ctx.Err() == nil {
			p, missed, ok := h.next()
			if !ok {
				break
			}
			f, err := h.look(ctx, &p)
			if err != nil {
				f = nil // it has gone, or may not be read
			}
			if f != nil || missed > 0 {
				report(f, missed)
			}
		}
	}
}

func (h *Hasher) next() (p actor.Process, missed uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.order) == 0 {
		h.order = nil
		return p, 0, false
	}
	place := h.order[0]
	h.order = h.order[1:]
	p, missed = h.pending[place], h.missed
	delete(h.pending, place)
	h.missed = 0
	return p, missed, true
}

// look hashes the program of a process, nil where there is nothing new about it.
func (h *Hasher) look(ctx context.Context, p *actor.Process) (*Finding, error) {
	file, err := h.open(p)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	n, now, err := stateOf(file)
	if err != nil {
		return nil, err
	}
	place := placeOf(p)
	hash, known := h.files.hash(n, now)
	switch {
	case known:
	case now.size > h.o.MaxSize:
		now.settled = false // there is no hash that could be known
	default:
		if hash, err = h.hash(ctx, file); err != nil {
			return nil, err
		}
		if _, after, err := stateOf(file); err != nil || !after.isAs(now) {
			return nil, errChanging // it is looked at again when it is run again
		}
	}
	now.hash = hash
	if !known {
		h.files.byNumber.put(n, now)
	}
	previous, seen := h.files.byPlace.get(place)
	h.files.byPlace.put(place, hash)
	if seen && previous == hash {
		return nil, nil
	}
	return &Finding{Process: *p, SHA256: hash, Previous: previous, Size: now.size}, nil
}

// errChanging means that somebody wrote to a program while we read it.
var errChanging = errors.New("integrity: the file changed meanwhile")

// open opens the program of a process: the file that it runs, whatever has its path by
// now. Where the process has ended, the file at the path is all there is, and only a path
// of the host leads to it from here.
func (h *Hasher) open(p *actor.Process) (*os.File, error) {
	file, err := os.Open(filepath.Join(h.o.Root, strconv.Itoa(int(p.PID)), "exe"))
	if err == nil && h.runs(file, p) {
		return file, nil
	}
	if err == nil {
		file.Close()
	}
	if p.Cgroup.Container != "" || p.Flags.Has(event.ExecutableDeleted) {
		return nil, os.ErrNotExist
	}
	fd, err := unix.Open(p.Image.Executable, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: p.Image.Executable, Err: err}
	}
	return os.NewFile(uintptr(fd), p.Image.Executable), nil
}

// runs reports whether the file that was opened by the pid is the program that was noted:
// the process may run another one by now, or be another one.
func (h *Hasher) runs(file *os.File, p *actor.Process) bool {
	path, err := os.Readlink(filepath.Join(h.o.Root, "self/fd", strconv.Itoa(int(file.Fd()))))
	return err != nil || path == p.Image.Executable || p.Flags.Has(event.ExecutableDeleted)
}

// hash reads a file at the permitted rate.
func (h *Hasher) hash(ctx context.Context, file *os.File) (string, error) {
	sum := sha256.New()
	began, total := time.Now(), int64(0)
	for {
		n, err := file.Read(h.chunk)
		sum.Write(h.chunk[:n])
		if total += int64(n); total > h.o.MaxSize {
			return "", errChanging
		}
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(sum.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
		due := began.Add(time.Duration(float64(total) / float64(h.o.Rate) * float64(time.Second)))
		if err := sleep(ctx, time.Until(due)); err != nil {
			return "", err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// stateOf returns which file it is, and in which state, without its hash.
func stateOf(file *os.File) (n number, s state, err error) {
	var st unix.Stat_t
	seen := time.Now()
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return n, s, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return n, s, errors.ErrUnsupported
	}
	s = state{size: st.Size, modifiedNs: st.Mtim.Nano(), changedNs: st.Ctim.Nano()}
	s.settled = clock.Settled(s.changedNs, seen.UnixNano())
	return number{uint64(st.Dev), st.Ino}, s, nil
}
