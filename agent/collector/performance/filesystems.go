package performance

import (
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/event"
)

// maxFilesystems bounds how many filesystems are measured.
const maxFilesystems = 64

// filesystems returns the filesystems that have a block device, each once, by the
// shortest of the places where it is mounted.
func (r *reader) filesystems() (all []filesystem) {
	mounts, err := r.fs.GetMounts()
	if err != nil {
		return nil
	}
	places := make(map[string]string) // by device
	for _, m := range mounts {
		if !strings.HasPrefix(m.Source, "/dev/") && m.FSType != "zfs" && m.FSType != "btrfs" {
			continue
		}
		place := unescape(m.MountPoint)
		if old, ok := places[m.MajorMinorVer]; !ok || len(place) < len(old) {
			places[m.MajorMinorVer] = place
		}
	}
	for _, place := range places {
		if f, err := r.statfs(place); err == nil {
			all = append(all, f)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].mount < all[j].mount })
	return all[:min(len(all), maxFilesystems)]
}

// statfs asks a filesystem for its figures.
func statfs(mount string) (f filesystem, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(mount, &s); err != nil {
		return f, err
	}
	unit := uint64(s.Bsize)
	f = filesystem{mount: mount, bytes: space{total: event.Known(s.Blocks * unit)}}
	if s.Bfree <= s.Blocks {
		f.bytes.used, f.available = event.Known((s.Blocks-s.Bfree)*unit), event.Known(s.Bavail*unit)
	}
	if s.Files > 0 {
		f.files, f.filesFree = event.Known(s.Files), event.Known(s.Ffree)
	}
	return f, nil
}

// unescape returns a path of mountinfo as it is: the kernel writes a space, for one, as
// three octal digits.
func unescape(path string) string {
	if !strings.Contains(path, `\`) {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '\\' && i+4 <= len(path) {
			if n, err := strconv.ParseUint(path[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(path[i])
	}
	return b.String()
}
