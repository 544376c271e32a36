package proc

import (
	"bytes"
	"strings"
)

// Cgroup is what the control group of a process shows about it.
type Cgroup struct {
	Container string // id; empty outside of containers
	Unit      string // of systemd; empty where it is not in one
}

// Cgroup returns what a text in the form of /proc/PID/cgroup shows. It remembers texts.
func (r *Reader) Cgroup(text []byte) Cgroup { return r.cgroups.parse(text) }

// parseCgroup reads the content of /proc/PID/cgroup: a line for each hierarchy,
// "number:controllers:path". The path of version 2 counts, or else that of
// systemd. Where these are in no container, another hierarchy may be.
func parseCgroup(b []byte) (g Cgroup) {
	var own, systemd string
	for line := range bytes.Lines(b) {
		if line[len(line)-1] != '\n' {
			break // cut by our buffer
		}
		_, rest, _ := strings.Cut(string(line[:len(line)-1]), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		path = strings.TrimSuffix(path, deletedSuffix)
		switch controllers {
		case "":
			own = path
		case "name=systemd":
			systemd = path
		}
		if g.Container == "" {
			g.Container = containerOf(path)
		}
	}
	if len(own) <= 1 { // the root: version 2 is mounted, and manages nothing
		own = systemd
	}
	if c := containerOf(own); c != "" {
		g.Container = c
	}
	g.Unit = unitOf(own)
	return g
}

const containerID = 64 // hexadecimal digits, with every runtime that makes ids

// containerOf returns the id of the innermost container in a path, such as
// /system.slice/docker-ID.scope, /docker/ID or /kubepods.slice/…/cri-containerd-ID.scope.
// LXC has names instead.
func containerOf(path string) (id string) {
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "lxc.payload."); ok && name != "" {
			id = name
			continue
		}
		part = strings.TrimSuffix(part, ".scope")
		prefix, digits := "", part
		if i := strings.LastIndexByte(part, '-'); i >= 0 {
			prefix, digits = part[:i], part[i+1:]
		}
		// The monitor of a container is outside of it.
		if len(digits) == containerID && isHex(digits) && !strings.HasSuffix(prefix, "conmon") {
			id = digits
		}
	}
	return id
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// unitOf returns the unit in a path: the outermost, as systemd sees it, but in the
// manager of a user that of the user.
func unitOf(path string) (unit string) {
	for part := range strings.SplitSeq(path, "/") {
		if !isUnit(part) {
			continue
		}
		if unit == "" {
			unit = part
		}
		if !strings.HasPrefix(part, "user@") {
			return part
		}
	}
	return unit
}

func isUnit(name string) bool {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 {
		return false
	}
	switch name[i+1:] {
	case "service", "scope", "socket", "mount", "swap":
		return true
	}
	return false
}

// cgroups remembers what was parsed, because many processes have the same. It is
// emptied when it is full.
type cgroups map[string]Cgroup

const maxCgroups = 1024

func (c cgroups) parse(b []byte) Cgroup {
	if g, ok := c[string(b)]; ok {
		return g
	}
	if len(c) >= maxCgroups {
		clear(c)
	}
	g := parseCgroup(b)
	c[string(b)] = g
	return g
}
