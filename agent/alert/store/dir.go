package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert/journal"
)

// What a data directory has.
const (
	versionName = "version"
	lockName    = "lock"
	journalName = "journal"
	indexName   = "index.db"
)

// Version is that of data directories. One of a later version is not touched.
const Version = 1

// ErrNewer is returned for a data directory that a later version of this program has made.
var ErrNewer = errors.New("the data directory is of a newer version")

// InUseError is returned where another process has the data directory.
type InUseError struct {
	Dir string
	PID int // 0 where it is not known
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("alert store: %s is in use by %s", e.Dir, who)
}

// DefaultDir returns the data directory of an instance: /var/lib/daemoneye/alerts/INSTANCE
// for root, and for others the same below daemoneye in $XDG_STATE_HOME or ~/.local/state.
func DefaultDir(instance string) (string, error) {
	dir := "/var/lib"
	if os.Geteuid() != 0 {
		if dir = os.Getenv("XDG_STATE_HOME"); !filepath.IsAbs(dir) {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("alert store: %w", err)
			}
			dir = filepath.Join(home, ".local", "state")
		}
	}
	return filepath.Join(dir, "daemoneye", "alerts", instance), nil
}

// version is the contents of the file of that name. The checksum parts a later version from
// a byte that has changed.
type version struct {
	What    string `json:"what"`
	Version int    `json:"version"`
	CRC     string `json:"crc"`
}

const what = "daemoneye alerts"

func (v version) sum() string {
	return fmt.Sprintf("%08x", crc32.Checksum(fmt.Appendf(nil, "%s %d", v.What, v.Version), crc32.MakeTable(crc32.Castagnoli)))
}

// checkVersion reads the version of dir. There is none in a new directory, and damaged means
// that what is there is not what was written.
func checkVersion(files journal.Files, dir string) (there, damaged bool, err error) {
	b, err := readAll(files, filepath.Join(dir, versionName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	var v version
	if json.Unmarshal(b, &v) != nil || v.CRC != v.sum() || v.What != what {
		return true, true, nil
	}
	if v.Version > Version {
		return true, false, fmt.Errorf("alert store: %s: %w, %d: this program knows %d", dir, ErrNewer, v.Version, Version)
	}
	return true, false, nil
}

// maxSmall bounds what is read of a file that is small.
const maxSmall = 4096

func readAll(files journal.Files, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxSmall))
	return b, err
}

// writeVersion replaces the version of dir.
func writeVersion(files journal.Files, dir string) (err error) {
	v := version{What: what, Version: Version}
	v.CRC = v.sum()
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, versionName)
	if err := files.Remove(name + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := files.Create(name + ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Datasync(), f.Close()); err != nil {
		return err
	}
	if err := files.Rename(name+".new", name); err != nil {
		return err
	}
	return files.SyncDir(dir)
}

// lock takes the directory for this process until the file is closed, or the process ends.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l); err != nil {
		pid := holder(f)
		f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return nil, &InUseError{dir, pid}
		}
		return nil, os.NewSyscallError("fcntl", err)
	}
	// Who has it is for people: the lock holds without.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// holder returns the pid that the holder of the lock has written.
func holder(f io.ReaderAt) int {
	b, _ := io.ReadAll(io.NewSectionReader(f, 0, 32))
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

// checkUnlocked returns an *InUseError where a process has the directory.
func checkUnlocked(dir string) error {
	f, err := os.Open(filepath.Join(dir, lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	if l.Type != unix.F_UNLCK {
		return &InUseError{dir, holder(f)}
	}
	return nil
}
