package filesystem

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxHandles bounds how many directories are remembered; all are forgotten then, because
// the kernel can be asked again.
const maxHandles = 1 << 16

// handles finds the paths of directories that fanotify names by handles. Most records are
// about few directories, so that what was found is remembered until a directory gets
// another name.
//
// One goroutine at a time.
type handles struct {
	mounts map[[fsidSize]byte]*os.File // a directory of each filesystem
	paths  map[string]string           // by id of the filesystem and handle
	trees  *trees
	// leaveOut is called with the path of a directory that was asked for, and one by which it
	// can be reached whatever its path is by then.
	leaveOut func(dir, link string)
}

func newHandles(t *trees) *handles {
	return &handles{mounts: make(map[[fsidSize]byte]*os.File), paths: make(map[string]string), trees: t}
}

// add opens a directory of a filesystem, for its handles. One filesystem needs one. It
// reports whether the filesystem is new.
func (h *handles) add(dir string) (bool, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return false, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	var id [fsidSize]byte
	binary.NativeEndian.PutUint32(id[:], uint32(s.Fsid.Val[0]))
	binary.NativeEndian.PutUint32(id[4:], uint32(s.Fsid.Val[1]))
	if h.mounts[id] != nil {
		return false, nil
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false, err
	}
	h.mounts[id] = f
	return true, nil
}

func (h *handles) close() {
	for _, f := range h.mounts {
		f.Close()
	}
}

// forget forgets all paths, because a directory has another one now.
func (h *handles) forget() { clear(h.paths) }

// path returns the path of an entry, and false for what is outside of the trees or
// cannot be found any more.
func (h *handles) path(e *entry) (string, bool) {
	if !e.known {
		return "", false
	}
	dir := h.directory(e)
	if dir == "" {
		return "", false
	}
	if len(e.name) == 0 || len(e.name) == 1 && e.name[0] == '.' {
		return dir, true
	}
	return filepath.Join(dir, string(e.name)), true
}

// directory returns the path of a directory, "" where there is none to be found or where
// nothing below it is watched.
func (h *handles) directory(e *entry) string {
	var key [fsidSize + 256]byte
	k := append(append(key[:0], e.fsid[:]...), e.handle...)
	if p, ok := h.paths[string(k)]; ok {
		return p
	}
	p, err := h.find(e, h.leaveOut)
	if err != nil {
		return "" // it was removed, and the record of that names the directory above it
	}
	if h.trees.judge(p) == outside {
		p = ""
	}
	if len(h.paths) >= maxHandles {
		h.forget()
	}
	h.paths[string(k)] = p
	return p
}

var errGone = errors.New("the directory was removed")

// find asks the kernel for the path of a directory. found, where not nil, is called with
// it.
func (h *handles) find(e *entry, found func(dir, link string)) (string, error) {
	mount := h.mounts[e.fsid]
	if mount == nil {
		return "", errGone
	}
	kind := int32(binary.NativeEndian.Uint32(e.handle[4:]))
	fd, err := unix.OpenByHandleAt(int(mount.Fd()), unix.NewFileHandle(kind, e.handle[handleHead:]), unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	link := "/proc/self/fd/" + strconv.Itoa(fd)
	p, err := os.Readlink(link)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(p, " (deleted)") {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Nlink == 0 {
			return "", errGone
		}
	}
	if found != nil {
		found(p, link)
	}
	return p, nil
}

// anywhere returns the path of an entry, in a tree or not; empty where it cannot be
// found any more.
func (h *handles) anywhere(e *entry) string {
	if !e.known {
		return ""
	}
	dir, err := h.find(e, nil)
	if err != nil {
		return ""
	}
	return filepath.Join(dir, string(e.name))
}
