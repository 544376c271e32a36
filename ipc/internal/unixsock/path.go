package unixsock

import (
	"fmt"
	"os"
	"path/filepath"

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

// makeDir makes the socket's directory, or checks the one that is there: it must belong
// to this user and be closed to all others, because otherwise anyone could put another
// socket in the place of this one.
func makeDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o700)
	if err == nil || !os.IsExist(err) {
		return err
	}
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
