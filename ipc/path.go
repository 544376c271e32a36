package ipc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxSocketPath is what a sockaddr_un holds, less the final zero byte.
const maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1

// DefaultPath returns where the socket of an instance lives:
// /run/daemoneye/<instance>.sock for root,
// $XDG_RUNTIME_DIR/daemoneye/<instance>.sock for others, and where that is not
// set daemoneye-<uid>/<instance>.sock in the temporary directory. Listen makes
// the directory, open to its owner only.
func DefaultPath(instance string) (string, error) {
	if err := checkInstance(instance); err != nil {
		return "", err
	}
	dir := ""
	switch {
	case os.Geteuid() == 0:
		dir = "/run/daemoneye"
	case os.Getenv("XDG_RUNTIME_DIR") != "":
		dir = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "daemoneye")
	default:
		dir = filepath.Join(os.TempDir(), "daemoneye-"+strconv.Itoa(os.Geteuid()))
	}
	path := filepath.Join(dir, instance+".sock")
	return path, checkPath(path)
}

func checkInstance(name string) error {
	if name == "" || len(name) > 64 {
		return fmt.Errorf("ipc: instance %q: want 1 to 64 characters", name)
	}
	for _, c := range []byte(name) {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
		if !ok {
			return fmt.Errorf("ipc: instance %q: want letters, digits, _ and - only", name)
		}
	}
	return nil
}

func checkPath(path string) error {
	if path == "" || len(path) > maxSocketPath {
		return fmt.Errorf("path is %d bytes long, want 1 to %d: choose a shorter directory", len(path), maxSocketPath)
	}
	return nil
}

// makeDir makes the socket's directory, or checks the one that is there: it
// must belong to this user and be closed to all others, or anyone could put a
// socket of their own in our place.
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
		return fmt.Errorf("directory %s has mode %04o, want 0700: chmod it, or choose a directory of its own", dir, st.Mode&0o7777)
	}
	return nil
}
