package actor

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/clock"
)

const (
	maxPasswd   = 4 << 20         // bytes that are read
	usersExpire = 2 * time.Second // until the file is looked at again
)

// users gives users their names, as the host's passwd file has them. It reads the
// file again when that has changed. Users of a directory service have no name here,
// and those of a container may have another one there.
//
// One goroutine at a time.
type users struct {
	path    string
	names   map[uint32]string
	checked int64 // monotonic ns
	version version
}

// version is what a file was when it was read.
type version struct {
	device, inode uint64
	size          int64
	changedNs     int64 // ctime; 0 where a later change may have the same
}

func versionOf(st *unix.Stat_t, seen time.Time) version {
	v := version{device: st.Dev, inode: st.Ino, size: st.Size, changedNs: st.Ctim.Nano()}
	if !clock.Settled(v.changedNs, seen.UnixNano()) {
		v.changedNs = 0
	}
	return v
}

// name returns the name of a user, empty where it has none. now is monotonic.
func (u *users) name(id uint32, now int64) string {
	if u.names == nil || now-u.checked >= int64(usersExpire) {
		u.checked = now
		u.refresh()
	}
	return u.names[id]
}

func (u *users) refresh() {
	seen := time.Now()
	var st unix.Stat_t
	if u.version.changedNs != 0 && unix.Stat(u.path, &st) == nil && versionOf(&st, seen) == u.version {
		return
	}
	u.names, u.version = map[uint32]string{}, version{}
	f, err := os.Open(u.path)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Fstat(int(f.Fd()), &st) == nil {
		u.version = versionOf(&st, seen)
	}
	// The first line of a user counts, as for the C library.
	for lines := bufio.NewScanner(io.LimitReader(f, maxPasswd)); lines.Scan(); {
		name, id, ok := parsePasswd(lines.Text())
		if _, known := u.names[id]; ok && !known {
			u.names[id] = name
		}
	}
}

// parsePasswd reads a line such as ann:x:1000:1000::/home/ann:/bin/sh.
func parsePasswd(line string) (name string, id uint32, ok bool) {
	name, rest, _ := strings.Cut(line, ":")
	_, rest, _ = strings.Cut(rest, ":")
	digits, _, _ := strings.Cut(rest, ":")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || name == "" || strings.ContainsRune("#+-", rune(name[0])) { // + and - belong to NIS
		return "", 0, false
	}
	return strings.Clone(name), uint32(n), true
}
