// Package host has what a collector has to know about the machine that it observes,
// whatever it collects: where procfs is mounted, and what its events have of the host.
package host

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/daemoneye/eventbus/agent/event"
)

// Host is a machine. The zero Host is the one that we run on, without id and labels.
//
// Immutable, and so safe for concurrent use.
type Host struct {
	// Root is where procfs is mounted; empty is /proc.
	Root string

	// Name stands in events; empty is what the kernel calls the host, if it does.
	Name string

	// Passwd is the file with the names of users; empty is /etc/passwd.
	Passwd string

	// ID and Labels stand in every event beside Name.
	ID     string
	Labels []event.Pair
}

// Complete returns h with defaults in the place of what is empty.
func (h Host) Complete() Host {
	h.Root = cmp.Or(h.Root, "/proc")
	h.Passwd = cmp.Or(h.Passwd, "/etc/passwd")
	if h.Name == "" {
		h.Name, _ = os.Hostname() // events without it are better than none
	}
	return h
}

// Origin returns where the events of a collector come from. h is complete.
func (h Host) Origin(collector string) event.Origin {
	return event.Origin{BootID: BootID(h.Root), Host: h.Name, HostID: h.ID, Labels: h.Labels, Collector: collector}
}

// BootID returns the id of this run of the kernel as the procfs at root has it, zeros
// where it is hidden, as it is where only the processes of procfs are mounted.
func BootID(root string) (id [16]byte) {
	b, err := os.ReadFile(filepath.Join(root, "sys/kernel/random/boot_id"))
	if err != nil {
		return id
	}
	digits := bytes.ReplaceAll(bytes.TrimSpace(b), []byte("-"), nil)
	if len(digits) != hex.EncodedLen(len(id)) {
		return id
	}
	if _, err := hex.Decode(id[:], digits); err != nil {
		return [16]byte{}
	}
	return id
}
