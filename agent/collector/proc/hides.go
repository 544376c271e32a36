package proc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/daemoneye/eventbus/agent/collector/capability"
)

// Hides returns what is kept from us, in few words, with the capability that would change it;
// empty for nothing. Where not even process 1 can be read, although each pid namespace has
// one, processes of other users are hidden; where there is no process at all, root is no
// procfs.
func (r *Reader) Hides() string {
	if _, ok, err := r.Stat(1); err != nil {
		return ""
	} else if ok {
		if !r.mayTrace() {
			return "no CAP_SYS_PTRACE: executables of other users cannot be read"
		}
		return ""
	}
	if pids, err := r.List(); err == nil && len(pids) == 0 {
		return "no procfs is mounted at " + r.root + ": what processes are is not known"
	}
	if !r.mayTrace() {
		return "no CAP_SYS_PTRACE: processes of other users are hidden (mount option hidepid)"
	}
	return "processes of other users are hidden (mount option hidepid)"
}

// mayTrace reports whether we have CAP_SYS_PTRACE. In a user namespace that counts for the
// processes in it alone, so that process 1 has to be one of those.
func (r *Reader) mayTrace() bool {
	if !capability.SysPtrace.Has() {
		return false
	}
	const all = "4294967295" // users, as the first namespace has them
	users, err := os.ReadFile(filepath.Join(r.root, "self", "uid_map"))
	if f := strings.Fields(string(users)); err != nil || len(f) == 3 && f[2] == all {
		return true
	}
	_, err = os.Readlink(filepath.Join(r.root, "1", "exe"))
	return !errors.Is(err, os.ErrPermission)
}
