package network

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/daemoneye/eventbus/agent/collector/proc"
)

// owners finds the process of a socket: the one with the lowest pid among those that have a
// descriptor of it.
//
// One goroutine at a time.
type owners struct {
	root   string
	reader *proc.Reader
}

// find returns the process of each of the inodes that has one and can be seen.
func (o *owners) find(inodes map[uint32]bool) map[uint32]uint32 {
	found := make(map[uint32]uint32, len(inodes))
	if len(inodes) == 0 {
		return found
	}
	pids, err := o.reader.List()
	if err != nil {
		return found
	}
	for _, pid := range pids {
		dir := filepath.Join(o.root, strconv.Itoa(int(pid)), "fd")
		d, err := os.Open(dir)
		if err != nil {
			continue // it has ended, or we may not look
		}
		names, _ := d.Readdirnames(-1) // as many as there are
		d.Close()
		for _, name := range names {
			link, err := os.Readlink(filepath.Join(dir, name))
			if err != nil {
				continue
			}
			inode, ok := parseLink(link)
			if !ok || !inodes[inode] {
				continue
			}
			if old, known := found[inode]; !known || pid < old {
				found[inode] = pid
			}
		}
	}
	return found
}

// parseLink reads what a descriptor of a socket leads to, such as socket:[4711].
func parseLink(link string) (inode uint32, ok bool) {
	digits, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, "]")
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil
}
