// Package capability finds out which of the kernel's capabilities the calling thread lacks, in
// the words in which a collector names them to an operator.
package capability

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Capability is one of the kernel's, by its number.
type Capability uint8

// Those that a source may need.
const (
	DACReadSearch Capability = unix.CAP_DAC_READ_SEARCH
	NetAdmin      Capability = unix.CAP_NET_ADMIN
	SysPtrace     Capability = unix.CAP_SYS_PTRACE
	SysAdmin      Capability = unix.CAP_SYS_ADMIN
	Perfmon       Capability = unix.CAP_PERFMON
	BPF           Capability = unix.CAP_BPF
)

// String returns the name that the kernel's documentation has for it.
func (c Capability) String() string {
	switch c {
	case DACReadSearch:
		return "CAP_DAC_READ_SEARCH"
	case NetAdmin:
		return "CAP_NET_ADMIN"
	case SysPtrace:
		return "CAP_SYS_PTRACE"
	case SysAdmin:
		return "CAP_SYS_ADMIN"
	case Perfmon:
		return "CAP_PERFMON"
	case BPF:
		return "CAP_BPF"
	}
	return "a capability"
}

// Has reports whether the calling thread has c. In a user namespace it may have it, and
// yet not for what belongs to the host.
func (c Capability) Has() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[c/32].Effective&(1<<(c%32)) != 0
}

// Lacking names those that the calling thread does not have, as "no CAP_BPF and
// CAP_PERFMON"; empty when it has them all.
func Lacking(all ...Capability) string {
	var names []string
	for _, c := range all {
		if !c.Has() {
			names = append(names, c.String())
		}
	}
	if names == nil {
		return ""
	}
	return "no " + strings.Join(names, " and ")
}
