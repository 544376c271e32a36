package performance

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
	"github.com/prometheus/procfs/blockdevice"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/proc"
	"github.com/daemoneye/eventbus/agent/event"
)

// reader takes readings of the host.
//
// One goroutine at a time.
type reader struct {
	root, sys string
	fs        procfs.FS
	block     blockdevice.FS
	processes *proc.Reader
	pageBytes uint64
	statfs    func(mount string) (filesystem, error)
}

func newReader(root, sys string) (*reader, error) {
	fs, err := procfs.NewFS(root)
	if err != nil {
		return nil, err
	}
	block, err := blockdevice.NewFS(root, root) // of it only /proc/diskstats is used
	if err != nil {
		return nil, err
	}
	processes, err := proc.NewReader(root)
	if err != nil {
		return nil, err
	}
	return &reader{
		root: root, sys: sys, fs: fs, block: block, processes: processes, pageBytes: uint64(os.Getpagesize()), statfs: statfs,
	}, nil
}

// read takes a reading. Nothing in it fails as a whole: what cannot be read is unknown.
func (r *reader) read(processes bool) *reading {
	n := &reading{monoNs: clock.Mono()}
	r.readCPU(n)
	r.readMemory(n)
	r.readLoad(n)
	n.pressure = r.pressure()
	n.disks = r.disks()
	n.interfaces = r.interfaces()
	n.filesystems = r.filesystems()
	if processes {
		n.processes = r.top()
	}
	return n
}

// missing names what this host, or this container, does not show.
func (r *reader) missing() (names []string) {
	n := r.read(false)
	for _, x := range []struct {
		name  string
		known bool
	}{
		{"processors", n.cpuAll != 0},
		{"memory", n.memory.total != 0},
		{"load", n.load[0] != 0},
		{"pressure", n.pressure != pressure{}},
		{"disks", n.disks != nil},
		{"interfaces", n.interfaces != nil},
		{"filesystems", len(n.filesystems) > 0},
	} {
		if !x.known {
			names = append(names, x.name)
		}
	}
	return names
}

func (r *reader) readCPU(n *reading) {
	s, err := r.fs.Stat()
	if err != nil {
		return
	}
	c := s.CPUTotal
	// Guests are counted among user and nice already.
	busy := c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ + c.Steal
	all := busy + c.Idle + c.Iowait
	if all > 0 {
		n.cpuBusy, n.cpuAll = event.Known(uint64(busy*userHZ+0.5)), event.Known(uint64(all*userHZ+0.5))
	}
}

// userHZ is in what /proc counts time: clock ticks a second.
const userHZ = 100

func (r *reader) readMemory(n *reading) {
	m, err := r.fs.Meminfo()
	if err != nil {
		return
	}
	n.memory = spaceOf(m.MemTotalBytes, m.MemAvailableBytes)
	n.swap = spaceOf(m.SwapTotalBytes, m.SwapFreeBytes)
}

func spaceOf(total, free *uint64) (s space) {
	if total == nil {
		return s
	}
	s.total = event.Known(*total)
	if free != nil && *free <= *total {
		s.used = event.Known(*total - *free)
	}
	return s
}

func (r *reader) readLoad(n *reading) {
	l, err := r.fs.LoadAvg()
	if err != nil {
		return
	}
	for i, v := range []float64{l.Load1, l.Load5, l.Load15} {
		n.load[i] = event.Known(millionths(v, 1))
	}
}

// pressure reads /proc/pressure, which is not there where the kernel is built or started
// without it.
func (r *reader) pressure() (p pressure) {
	set := func(resource string, some, full *event.Number) {
		s, err := r.fs.PSIStatsForResource(resource)
		if err != nil {
			return
		}
		if s.Some != nil {
			*some = event.Known(millionths(s.Some.Avg10, 100))
		}
		if s.Full != nil && full != nil {
			*full = event.Known(millionths(s.Full.Avg10, 100))
		}
	}
	set("cpu", &p.cpu, nil)
	set("io", &p.io, &p.fullIO)
	set("memory", &p.memory, &p.fullMemory)
	return p
}

// sectorBytes is the unit of /proc/diskstats, whatever the disk has.
const sectorBytes = 512

// disks returns the disks that have been used, nil where they cannot be read. Parts of
// disks are left out, because their figures are in those of the whole.
func (r *reader) disks() map[string]disk {
	all, err := r.block.ProcDiskstats()
	if err != nil {
		return nil
	}
	disks := make(map[string]disk)
	for _, d := range all {
		name := d.DeviceName
		if d.ReadIOs == 0 && d.WriteIOs == 0 || r.isPart(name) {
			continue
		}
		disks[name] = disk{
			readBytes: d.ReadSectors * sectorBytes, writtenBytes: d.WriteSectors * sectorBytes, busyMs: d.IOsTotalTicks,
			whole: r.isWhole(name),
		}
	}
	return disks
}

// isPart reports whether a block device is a partition: the kernel lists these below
// their disk only.
func (r *reader) isPart(name string) bool {
	_, err := os.Stat(filepath.Join(r.sys, "block", name))
	return errors.Is(err, os.ErrNotExist) && r.hasSys("block")
}

// isWhole reports whether a block device is hardware, as the kernel sees it: what lies on
// others, such as a loop or a mapper, counts with these already.
func (r *reader) isWhole(name string) bool {
	if _, err := os.Stat(filepath.Join(r.sys, "block", name, "device")); err == nil {
		return true
	}
	return !r.hasSys("block") && !slices.ContainsFunc([]string{"loop", "ram", "zram", "dm-", "md", "sr"}, func(p string) bool {
		return strings.HasPrefix(name, p)
	})
}

func (r *reader) hasSys(dir string) bool {
	_, err := os.Stat(filepath.Join(r.sys, dir))
	return err == nil
}

// interfaces returns the network interfaces but the loopback, nil where they cannot be
// read.
func (r *reader) interfaces() map[string]iface {
	all, err := r.fs.NetDev()
	if err != nil {
		return nil
	}
	interfaces := make(map[string]iface)
	hardware := false
	for name, d := range all {
		if name == "lo" {
			continue
		}
		_, err := os.Stat(filepath.Join(r.sys, "class/net", name, "device"))
		hardware = hardware || err == nil
		interfaces[name] = iface{
			receivedBytes: d.RxBytes, sentBytes: d.TxBytes, receiveErrors: d.RxErrors, sendErrors: d.TxErrors,
			receiveDropped: d.RxDropped, sendDropped: d.TxDropped, outward: err == nil,
		}
	}
	if !hardware { // as in a container, whose interfaces lead to a bridge of the host
		for name, x := range interfaces {
			x.outward = true
			interfaces[name] = x
		}
	}
	return interfaces
}

// top returns what each process has taken, nil where that cannot be read.
func (r *reader) top() map[uint32]process {
	pids, err := r.processes.List()
	if err != nil {
		return nil
	}
	all := make(map[uint32]process, len(pids))
	for _, pid := range pids {
		if s, ok, err := r.processes.Stat(pid); err == nil && ok && !s.Ended() {
			all[pid] = process{startTicks: s.StartTicks, cpuTicks: s.CPUTicks, rssBytes: s.RSSPages * r.pageBytes, threads: s.Threads}
		}
	}
	return all
}
