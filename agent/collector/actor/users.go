package actor

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
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
	size    int64
	changed time.Time
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
	if st, err := os.Stat(u.path); err == nil && st.Size() == u.size && st.ModTime().Equal(u.changed) && u.names != nil {
		return
	}
	u.names = map[uint32]string{}
	f, err := os.Open(u.path)
	if err != nil {
		return
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil {
		u.size, u.changed = st.Size(), st.ModTime()
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
