package proc

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/event"
)

// Reader reads processes from a mount of procfs.
//
// The list of processes comes from package procfs. A single process is read
// here, for three reasons: the files of a process that is about to end have to
// be read fast and through one descriptor of its directory, so that they belong
// to one process even if the pid is used again meanwhile; the command line is to
// be bounded; and a poll reads one stat file for each process of the host, which
// costs less than half of what procfs takes for it (BenchmarkStat).
//
// One goroutine at a time.
type Reader struct {
	root    string
	fs      procfs.FS
	buf     []byte
	cgroups cgroups
}

// Observation is what /proc shows about a process at one moment.
type Observation struct {
	PPID       uint32
	UID, GID   uint32
	Login      uint32 // who logged in; Nobody for no login, and where it is unread
	Cgroup     Cgroup
	StartTicks uint64
	Stack      uint64 // see Stat.Stack
	Alive      bool   // not only an entry that waits for its parent
	Loading    bool   // see Stat.Loading
	Leaderless bool   // see Stat.Leaderless
	Threaded   bool   // it has more than one thread
	Image      Image
	Unread     event.Flags // what is so, and what is to be known about the rest
}

// Image is what a process runs: what a fork copies and an exec replaces.
type Image struct {
	Name        string
	Executable  string
	CommandLine string // as /proc/PID/cmdline has it, at most a byte over its bound
	Directory   string
}

// NewReader makes a reader of the procfs that is mounted at root. It fails where there
// is no directory.
func NewReader(root string) (*Reader, error) {
	fs, err := procfs.NewFS(root)
	if err != nil {
		return nil, err
	}
	// One byte more than an event takes, so that the event knows it was cut.
	return &Reader{root: root, fs: fs, buf: make([]byte, event.MaxCommandLine+1), cgroups: cgroups{}}, nil
}

// List returns the pids that there are.
func (r *Reader) List() ([]uint32, error) {
	procs, err := r.fs.AllProcs()
	if err != nil {
		return nil, err
	}
	pids := make([]uint32, len(procs))
	for i, p := range procs {
		pids[i] = uint32(p.PID)
	}
	return pids, nil
}

// Stat reads the stat file of a process. The name in it is borrowed until the
// next call of r. ok is false, without an error, when there is no such process
// or it is hidden from us.
func (r *Reader) Stat(pid uint32) (s Stat, ok bool, err error) {
	return r.statAt(unix.AT_FDCWD, filepath.Join(r.root, strconv.Itoa(int(pid)), "stat"))
}

// Owner returns the effective user and group of a process, and whether there is one. Of a
// process that is about to go it may be root: who reads Stat after it, and finds the process
// alive, has the right one.
func (r *Reader) Owner(pid uint32) (uid, gid uint32, ok bool) {
	var st unix.Stat_t
	if unix.Stat(filepath.Join(r.root, strconv.Itoa(int(pid))), &st) != nil {
		return 0, 0, false
	}
	return st.Uid, st.Gid, true
}

func (r *Reader) statAt(dir int, path string) (s Stat, ok bool, err error) {
	b, err := r.shown(dir, path)
	if isAbsent(err) {
		return s, false, nil
	}
	if err != nil {
		return s, false, &os.PathError{Op: "read", Path: path, Err: err}
	}
	s, ok = parseStat(b)
	return s, ok, nil
}

// isAbsent tells the errors that are about the process from those that are about
// us, such as a lack of descriptors, which must not look like its end.
func isAbsent(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)
}

// Process reads all about a process. ok is false when not even its stat file
// could be read.
func (r *Reader) Process(pid uint32) (o Observation, ok bool) {
	dir, err := unix.Open(filepath.Join(r.root, strconv.Itoa(int(pid))), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return o, false
	}
	defer unix.Close(dir)
	for tries := 1; ; tries++ {
		if o, whole, ok := r.process(dir); whole || !ok || tries == maxReads {
			return o, ok
		}
	}
}

// maxReads is how often a process is read that runs another program each time.
const maxReads = 3

// process reads a process once. whole is false where it has run another program
// meanwhile: then the command line is unread, because it may be that of the one before.
func (r *Reader) process(dir int) (o Observation, whole, ok bool) {
	// In the order in which they vanish when the process ends.
	line, lineErr := r.file(dir, "cmdline")
	o.Image.CommandLine = string(line)
	var exeErr, dirErr error
	o.Image.Executable, exeErr = r.link(dir, "exe")
	o.Image.Directory, dirErr = r.link(dir, "cwd")
	var owner unix.Stat_t
	ownerErr := unix.Fstat(dir, &owner)
	s, ok, err := r.statAt(dir, "stat")
	if err != nil || !ok {
		// The owner is not to be had either: the kernel gives root for the
		// directory of a process that has gone.
		return Observation{}, true, false
	}
	o.Image.Name = string(s.Name)
	o.PPID, o.StartTicks, o.Stack = s.PPID, s.StartTicks, s.Stack
	o.Alive, o.Loading, o.Leaderless, o.Threaded = !s.Ended(), s.Loading, s.Leaderless(), s.Threads > 1

	// The directory belongs to the effective user even where the files in it do
	// not (task_dump_owner in fs/proc/base.c).
	o.UID, o.GID = owner.Uid, owner.Gid
	if ownerErr != nil {
		o.Unread |= event.UserUnread
	}
	if dirErr != nil {
		o.Unread |= event.DirectoryUnread
	}
	if path, ok := r.deleted(dir, "cwd", o.Image.Directory); ok {
		o.Image.Directory = path
		o.Unread |= event.DirectoryDeleted
	}
	r.place(dir, &o)
	if s.Kernel {
		o.Unread |= event.KernelThread
		return o, true, true
	}
	if exeErr != nil {
		o.Unread |= event.ExecutableUnread
	}
	if path, ok := r.deleted(dir, "exe", o.Image.Executable); ok {
		o.Image.Executable = path
		o.Unread |= event.ExecutableDeleted
	}
	// A command line is empty when the process has wiped it, which is rare, or
	// when its memory has gone already, and then its executable has too.
	whole = !o.Alive || lineErr != nil || r.isLine(dir, o.Image.CommandLine)
	if lineErr != nil || (o.Image.CommandLine == "" && exeErr != nil) || !whole || o.Loading {
		o.Image.CommandLine = ""
		o.Unread |= event.CommandLineUnread
	}
	return o, whole, true
}

// isLine reports whether a process that was alive still has the command line. One that has
// ended since has none, and one that runs another program has none until that is loaded:
// then the program is the one that stat has shown.
func (r *Reader) isLine(dir int, line string) bool {
	now, err := r.file(dir, "cmdline")
	return err != nil || string(now) == line || len(now) == 0
}

// Nobody is the kernel's number for no user: nobody has logged in.
const Nobody = ^uint32(0)

// place reads where a process belongs: to a login, a container, a unit. The kernel
// keeps both files until nothing is left of the process.
func (r *Reader) place(dir int, o *Observation) {
	o.Login = Nobody
	if b, err := r.shown(dir, "loginuid"); err != nil {
		o.Unread |= event.LoginUnread // the kernel may be built without it
	} else if id, err := strconv.ParseUint(string(b), 10, 32); err == nil {
		o.Login = uint32(id)
	}
	if b, err := r.shown(dir, "cgroup"); err != nil {
		o.Unread |= event.CgroupUnread
	} else {
		o.Cgroup = r.cgroups.parse(b)
	}
}

// deletedSuffix is what the kernel writes behind the path of a file that has been
// deleted. A file's own name may end in the same.
const deletedSuffix = " (deleted)"

// deleted reports whether the target of the link, which reads path, was deleted, and
// returns its path without the kernel's remark. It was not if the file is at just that
// path, seen from the process or from us. Where that cannot be known, it counts as
// deleted, because hardly any name ends so.
func (r *Reader) deleted(dir int, link, path string) (string, bool) {
	name, ok := strings.CutSuffix(path, deletedSuffix)
	if !ok {
		return path, false
	}
	var target unix.Stat_t
	if unix.Fstatat(dir, link, &target, 0) != nil || target.Nlink == 0 {
		return name, true
	}
	is := func(dir int, path string) bool {
		var st unix.Stat_t
		return unix.Fstatat(dir, path, &st, 0) == nil && st.Dev == target.Dev && st.Ino == target.Ino
	}
	if is(dir, "root"+path) || is(unix.AT_FDCWD, path) {
		return path, false
	}
	return name, true
}

// file reads a file into r.buf, as far as that goes.
func (r *Reader) file(dir int, path string) ([]byte, error) {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n := 0
	for n < len(r.buf) {
		m, err := read(fd, r.buf[n:])
		if err != nil {
			return nil, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return r.buf[:n], nil
}

// shown is file for one that the kernel makes as a whole, so that the first read has
// all of it and none is needed to see the end.
func (r *Reader) shown(dir int, path string) ([]byte, error) {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := read(fd, r.buf)
	if err != nil {
		return nil, err
	}
	return r.buf[:n], nil
}

func read(fd int, b []byte) (n int, err error) {
	for {
		if n, err = unix.Read(fd, b); err != unix.EINTR {
			return n, err
		}
	}
}

func (r *Reader) link(dir int, path string) (string, error) {
	n, err := unix.Readlinkat(dir, path, r.buf)
	if err != nil {
		return "", err
	}
	return string(r.buf[:n]), nil
}
