package filesystem

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/clock"
)

// stamp is what was announced of a file, or was there at the start. It tells what has
// changed after a loss, and which of the kernel's records reports something new.
type stamp struct {
	inode          uint64
	size           int64
	changedNs      int64 // mtime
	mode, uid, gid uint32

	// contentNs and statusNs are the ctime at which the content, and at which the owner and
	// the permissions were announced as such. A record of a file that still has that ctime
	// has nothing new. They are 0 where a further change could have left the same ctime.
	contentNs, statusNs int64

	found      bool  // it was announced because we looked: the record of it may come yet
	fresh      bool  // it was made, and no record of its content has come
	modifiedAt int64 // monotonic ns of the last event of a new content
}

// sight is what a file is at the moment when it is looked at.
type sight struct {
	stamp
	ctimeNs int64
	settled bool // no later change has that ctime
}

// looks is look, or what a test has in its place.
type looks func(path string) (s sight, exists bool)

// look looks at a file. It reports whether there is one.
func look(path string) (s sight, exists bool) {
	var st unix.Stat_t
	at := time.Now().UnixNano() // before the look: what changes after it is later
	if unix.Lstat(path, &st) != nil {
		return s, false
	}
	s.stamp = stamp{inode: st.Ino, size: st.Size, changedNs: st.Mtim.Nano(), mode: st.Mode, uid: st.Uid, gid: st.Gid}
	s.ctimeNs = st.Ctim.Nano()
	s.settled = clock.Settled(s.ctimeNs, at)
	return s, true
}

// whole returns a sight as a stamp of which all was announced.
func (s *sight) whole() stamp {
	all := s.stamp
	all.contentNs, all.statusNs = s.sure(), s.sure()
	return all
}

// sure returns the ctime, 0 where a later change may have the same.
func (s *sight) sure() int64 {
	if !s.settled {
		return 0
	}
	return s.ctimeNs
}

func (s *stamp) directory() bool { return s.mode&unix.S_IFMT == unix.S_IFDIR }

// program reports whether it is a file that may be run.
func (s *stamp) program() bool { return s.mode&unix.S_IFMT == unix.S_IFREG && s.mode&0o111 != 0 }

// sameContent reports whether the content is the same as far as its size and its time show.
func (s *stamp) sameContent(o *stamp) bool {
	return s.inode == o.inode && s.size == o.size && s.changedNs == o.changedNs
}

// sameOwner reports whether owner and permissions are the same.
func (s *stamp) sameOwner(o *stamp) bool {
	return s.mode == o.mode && s.uid == o.uid && s.gid == o.gid
}

const (
	// maxIndexed bounds the memory of the files that are remembered, in bytes. 12 MiB are some
	// 50,000 files, and the collector has 28 MB resident with them; with 200,000 files it had
	// 52. What does not fit is not compared after a loss.
	maxIndexed = 12 << 20
	// stampBytes is what a file takes beside its path in a map that has just grown, where it is
	// most: 210 bytes were measured with 66,000 files, and 145 with 200,000.
	stampBytes = 208
)

// index holds the files of the trees by path.
//
// One goroutine at a time.
type index struct {
	files map[string]stamp
	bytes int  // that they take, see cost
	full  bool // something did not fit
}

// cost is how many bytes it takes to remember a path.
func cost(path string) int { return len(path) + stampBytes }

func (x *index) set(path string, s stamp) {
	if _, known := x.files[path]; !known {
		if x.bytes+cost(path) > maxIndexed {
			x.full = true
			return
		}
		x.bytes += cost(path)
	}
	x.files[path] = s
}

// remove removes a path. A directory that is deleted has nothing below it any more.
func (x *index) remove(path string) {
	if _, known := x.files[path]; known {
		x.bytes -= cost(path)
		delete(x.files, path)
	}
}

// removeAll removes a path, and those below it.
func (x *index) removeAll(path string) {
	x.remove(path)
	for p := range x.files {
		if isBelow(p, path) {
			x.remove(p)
		}
	}
}

// rename moves a path, and those below it, to another one.
func (x *index) rename(from, to string) {
	s, known := x.files[from]
	if !known {
		return
	}
	x.remove(from)
	if s.directory() {
		moved := make(map[string]stamp)
		for p, s := range x.files {
			if isBelow(p, from) {
				moved[to+p[len(from):]] = s
				x.remove(p)
			}
		}
		for p, s := range moved {
			x.set(p, s)
		}
	}
	x.set(to, s)
}

func isBelow(path, dir string) bool {
	return len(path) > len(dir) && path[len(dir)] == '/' && strings.HasPrefix(path, dir)
}

// walk calls see for each file below a directory, and for the directory itself, as far as
// they belong to the trees or lead to them. What vanishes meanwhile, and what we may not
// read, is left out.
func walk(t *trees, look looks, path string, see func(path string, s *sight)) {
	v := t.judge(path)
	if v == outside {
		return
	}
	s, exists := look(path)
	if !exists {
		return
	}
	if v == inside || v == programs && s.program() {
		see(path, &s)
	}
	if !s.directory() {
		return
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return
	}
	for _, e := range entries {
		if p := filepath.Join(path, e.Name()); e.IsDir() || v != leading || t.judge(p) != leading {
			walk(t, look, p, see)
		}
	}
}

// list is walk for what lies in a directory itself.
func list(t *trees, look looks, dir string, see func(path string, s *sight)) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		p := filepath.Join(dir, e.Name())
		s, exists := look(p)
		if !exists {
			continue
		}
		if v := t.judge(p); v == inside || v == programs && s.program() {
			see(p, &s)
		}
	}
}
