package ipc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
)

// DefaultPath returns where the socket of an instance lies:
// /run/daemoneye/<instance>.sock for root,
// $XDG_RUNTIME_DIR/daemoneye/<instance>.sock for other users, and where that is not
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
	return path, unixsock.CheckPath(path)
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
