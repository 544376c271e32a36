package performance

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/daemoneye/eventbus/agent/event"
)

// machine is a host of files.
type machine struct {
	t         *testing.T
	proc, sys string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t, t.TempDir(), t.TempDir()}
	m.write(m.proc, "stat", "cpu  100 10 50 800 40 5 5 0 30 0\ncpu0 100 10 50 800 40 5 5 0 30 0\nintr 0\nctxt 1\nbtime 1700000000\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n")
	m.write(m.proc, "meminfo", "MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  250 kB\nSwapTotal:  0 kB\nSwapFree:  0 kB\n")
	m.write(m.proc, "loadavg", "0.50 1.25 2.00 1/100 4711\n")
	m.write(m.proc, "pressure/cpu", "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
	m.write(m.proc, "pressure/io", "some avg10=1.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=0\n")
	m.write(m.proc, "pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
	m.write(m.proc, "diskstats", " 252 0 vda 10 0 8 5 20 0 16 5 0 7 10 0 0 0 0 0 0\n 252 1 vda1 10 0 8 5 20 0 16 5 0 7 10 0 0 0 0 0 0\n"+
		" 253 0 dm-0 10 0 8 5 20 0 16 5 0 7 10 0 0 0 0 0 0\n 7 0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n")
	m.write(m.proc, "net/dev", "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"+
		"    lo: 999 9 0 0 0 0 0 0 999 9 0 0 0 0 0 0\n  eth0: 1000 10 1 2 0 0 0 0 500 5 3 4 0 0 0 0\n  br0: 70 1 0 0 0 0 0 0 70 1 0 0 0 0 0 0\n")
	m.write(m.proc, "self/mountinfo", "20 1 252:1 / / rw,relatime - ext4 /dev/vda1 rw\n21 20 0:5 / /proc rw - proc proc rw\n"+
		"22 20 252:1 /home /srv/bind rw - ext4 /dev/vda1 rw\n23 20 252:2 / /mnt/a\\040b rw - ext4 /dev/vda2 rw\n24 20 0:40 / /net rw - nfs4 server:/x rw\n")
	m.write(m.sys, "block/vda/device/x", "")
	m.write(m.sys, "block/dm-0/x", "")
	m.write(m.sys, "block/loop0/x", "")
	m.write(m.sys, "class/net/eth0/device/x", "")
	m.write(m.sys, "class/net/br0/x", "")
	return m
}

func (m *machine) write(root, path, content string) {
	m.t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// remove takes a file or a folder of procfs away.
func (m *machine) remove(path string) {
	m.t.Helper()
	if err := os.RemoveAll(filepath.Join(m.proc, path)); err != nil {
		m.t.Fatal(err)
	}
}

// reader reads the machine, whose filesystems all have the same figures.
func (m *machine) reader() *reader {
	m.t.Helper()
	r, err := newReader(m.proc, m.sys)
	if err != nil {
		m.t.Fatal(err)
	}
	r.statfs = func(mount string) (filesystem, error) {
		return filesystem{
			mount: mount, bytes: space{event.Known(1000), event.Known(600)}, available: event.Known(200), files: event.Known(10), filesFree: event.Known(4),
		}, nil
	}
	return r
}
