package network_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/network"
	"github.com/daemoneye/eventbus/agent/collector/storytest"
	"github.com/daemoneye/eventbus/agent/event"
)

// watching has this test binary watch connections instead, as TestMain does it.
const watching = "NETWORK_TEST_WATCH"

// watchConnections writes how its collector describes itself, and then a line for each port
// and each connection, until its standard input ends.
func watchConnections() int {
	c, err := network.New(network.Options{Interval: network.MinInterval})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("source", c.Describe())
	return storytest.Run(c, func(v event.View) {
		if e, ok := event.Copy[event.Connection](v); ok {
			fmt.Println(e.Operation, e.Body.Source.Port, e.Body.Destination.Port, e.PID, e.Executable)
		}
	})
}

// TestWhatEachCapabilityIsFor: what the source says without it, and what it shows with it.
func TestWhatEachCapabilityIsFor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	type rights struct {
		name    string
		as      storytest.As
		source  string   // begins so
		has     []string // is in what it says
		hasNot  []string
		process bool // of a connection of root's is known
		program bool
	}
	const diag, ebpf = "sock_diag every ", "states of sockets (eBPF program)"
	const unread = "; no CAP_SYS_PTRACE: executables of other users cannot be read"
	const lists = ": of other users' sockets in lists only the user is known"
	const both, search = "; no CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH" + lists, "; no CAP_DAC_READ_SEARCH" + lists
	tests := []rights{
		{name: "none", as: storytest.Nobody(), source: diag, has: []string{"; not ebpf: no CAP_BPF and CAP_PERFMON", "; no DNS: no CAP_BPF and CAP_PERFMON", unread, both}},
		{name: "BPF alone", as: storytest.Nobody(unix.CAP_BPF), source: diag, has: []string{"; not ebpf: no CAP_PERFMON", unread}},
		{name: "PERFMON alone", as: storytest.Nobody(unix.CAP_PERFMON), source: diag, has: []string{"; not ebpf: no CAP_BPF", unread}},
		{name: "SYS_PTRACE alone", as: storytest.Nobody(unix.CAP_SYS_PTRACE), source: diag, has: []string{search}, hasNot: []string{unread}},
		{
			name: "SYS_PTRACE and DAC_READ_SEARCH", as: storytest.Nobody(unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH), source: diag,
			hasNot: []string{unread, lists}, process: true, program: true,
		},
		{name: "BPF and PERFMON", as: storytest.Nobody(unix.CAP_BPF, unix.CAP_PERFMON), source: ebpf, has: []string{"; no DNS: no CAP_NET_ADMIN", unread, both}, process: true},
		{
			name: "BPF, PERFMON and NET_ADMIN", as: storytest.Nobody(unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_NET_ADMIN), source: ebpf,
			has: []string{"; DNS over UDP", unread}, process: true,
		},
		{
			name: "BPF, PERFMON and SYS_PTRACE", as: storytest.Nobody(unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYS_PTRACE), source: ebpf,
			hasNot: []string{unread}, process: true, program: true,
		},
		{name: "root without any", as: storytest.Bare(), source: diag, has: []string{"; not ebpf: no CAP_BPF and CAP_PERFMON", unread, both}},
		{
			name: "root of a user namespace", as: storytest.Rootless(), source: diag,
			has: []string{"; not ebpf: bpf(2) is not permitted, although the capabilities are there", unread},
		},
	}
	if _, err := network.New(network.Options{Mode: network.ModeEBPF}); err != nil {
		t.Skip(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			port := func(a net.Addr) int { return a.(*net.TCPAddr).Port }
			before := listen(t, "tcp", "127.0.0.1:0")
			c := storytest.Start(t, tt.as, watching+"=1")
			says := c.Await("source ")
			if !strings.HasPrefix(says, tt.source) {
				t.Errorf("it is described as %q, want %q", says, tt.source)
			}
			for _, want := range tt.has {
				if !strings.Contains(says, want) {
					t.Errorf("it is described as %q, want %q", says, want)
				}
			}
			for _, not := range tt.hasNot {
				if strings.Contains(says, not) {
					t.Errorf("it is described as %q, with %q", says, not)
				}
			}
			c.Await(fmt.Sprintf("snapshot 0 %d ", port(before.Addr())))
			l := listen(t, "tcp", "127.0.0.1:0")
			client, _ := pair(t, l)
			by := c.Await(fmt.Sprintf("connect %d %d ", port(client.LocalAddr()), port(l.Addr())))
			want := "0 "
			if tt.process {
				want = fmt.Sprintf("%d ", os.Getpid())
			}
			if tt.program {
				want += self
			}
			if by != want {
				t.Errorf("the connection is by %q, want %q", by, want)
			}
		})
	}
}
