package unixsock

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// maxSocketPath is what a sockaddr_un holds, less the final zero byte.
const maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1

// CheckPath returns an error for a path that no socket can have.
func CheckPath(path string) error {
	if path == "" || len(path) > maxSocketPath {
		return fmt.Errorf("path is %d bytes long, want 1 to %d: choose a shorter directory", len(path), maxSocketPath)
	}
	return nil
}

// makeDir makes the directory of the socket at path and those above it, as far as they
// are missing, and checks one that is there. It returns those that it made.
func makeDir(path string) (made []string, err error) {
	var missing []string // the innermost first
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !os.IsNotExist(err) {
			break
		}
		missing = append(missing, dir)
	}
	for _, dir := range slices.Backward(missing) {
		switch err := os.Mkdir(dir, modeOf(dir, path)); {
		case err == nil:
			made = append(made, dir)
		case !os.IsExist(err):
			return made, err
		}
	}
	return made, checkDir(path)
}

// modeOf returns the mode of a directory that is made on the way to the socket at path.
func modeOf(dir, path string) os.FileMode {
	if dir == filepath.Dir(path) {
		return 0o700
	}
	return 0o755
}

// checkDir checks the directory of the socket at path: it must belong to this user and be
// closed to all others, because otherwise anyone could put another socket in the place of
// this one.
func checkDir(path string) error {
	dir := filepath.Dir(path)
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return fmt.Errorf("directory %s: %w", dir, err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a directory", dir)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("directory %s belongs to uid %d, not to uid %d who runs this", dir, st.Uid, os.Geteuid())
	case st.Mode&0o077 != 0:
		return fmt.Errorf("directory %s is open to others (mode %04o, want 0700): the socket needs a directory of its own", dir, st.Mode&0o7777)
	}
	return nil
}
