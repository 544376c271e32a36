package connector

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
	"github.com/daemoneye/eventbus/agent/collector/receive"
)

// wholeBuffer holds all that happens in a test.
const wholeBuffer = 4 << 20

const batchBytes = 16 << 10

// dial connects until the test ends, and skips the test where that is not permitted.
func dial(t *testing.T, receiveBuffer int) *Conn {
	t.Helper()
	c, err := Dial("/proc", receiveBuffer)
	if err != nil {
		t.Skipf("%s: %v", Unavailable(err), err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestNobodyElseCanReport(t *testing.T) {
	c := dial(t, wholeBuffer)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	err = unix.Sendto(fd, appendRequest(nil, requestListen, 0), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: c.port})
	if !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.EPERM) {
		t.Errorf("sending to the socket of the collector: %v, want a refusal", err)
	}
	// To the whole group of listeners whoever has CAP_NET_ADMIN may send.
	forged := Message{Report: report.Report{Kind: report.Exit, Thread: 1, PID: 1, Value: 9}}
	for range 3 {
		err := unix.Sendto(fd, Append(nil, forged), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorProc})
		if err != nil {
			t.Skipf("sending to the group: %v", err)
		}
	}
	for pid := uint32(0); pid == 0; { // a report of the kernel's behind them
		cmd := exec.Command("/bin/true")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		reports, _ := drain(t, c)
		for _, r := range reports {
			if r.Kind == report.Exit && r.PID == 1 {
				t.Fatal("a forged report was received")
			}
			if r.PID == uint32(cmd.Process.Pid) {
				pid = r.PID
			}
		}
	}
}

// drain returns the reports that have arrived, and whether the kernel reported that
// it dropped some. It ends once the socket has been quiet for a moment.
func drain(t *testing.T, c *Conn) (reports []Message, overrun bool) {
	t.Helper()
	b := make([]byte, batchBytes)
	for {
		if err := c.file.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, dropped, err := c.Fill(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return reports, overrun
		}
		if err != nil {
			t.Fatal(err)
		}
		overrun = overrun || dropped
		for rest := b[:n]; len(rest) > 0; {
			var r Message
			if r, rest, err = Next(rest); err != nil {
				t.Fatal(err)
			}
			reports = append(reports, r)
		}
	}
}

// TestLossesAreCountedExactly opens a socket with the smallest buffer that the
// kernel gives and one that holds everything, and lets the small one overrun.
// What it received and what it counted as lost must make up what the large one
// received, between the first and the last report that the small one has of each
// cpu.
func TestLossesAreCountedExactly(t *testing.T) {
	large, small := dial(t, wholeBuffer), dial(t, 1)
	var lost Losses
	first, last := map[uint32]uint32{}, map[uint32]uint32{}
	received, overran := 0, false
	take := func() {
		reports, overrun := drain(t, small)
		overran = overran || overrun
		for _, r := range reports {
			lost.Note(r.CPU, r.Seq)
			if _, seen := first[r.CPU]; !seen {
				first[r.CPU] = r.Seq
			}
			last[r.CPU] = r.Seq
		}
		received += len(reports)
	}
	const script = "i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i+1)); done"
	take()
	// The first round overruns; a hole shows with the next report of its cpu,
	// which may take another round.
	for round := 0; lost.Total == 0 && round < 20; round++ {
		if err := exec.Command("/bin/sh", "-c", script).Run(); err != nil {
			t.Fatal(err)
		}
		take()
	}
	if !overran || lost.Total == 0 {
		t.Fatalf("overrun %v, lost %d: the buffer did not overrun", overran, lost.Total)
	}
	want := 0
	reports, overrun := drain(t, large)
	for _, r := range reports {
		if from, seen := first[r.CPU]; seen && r.Seq-from <= last[r.CPU]-from {
			want++
		}
	}
	if overrun {
		t.Fatal("the large buffer overran too")
	}
	if got := received + int(lost.Total); got != want {
		t.Errorf("received %d and lost %d, together %d; want %d", received, lost.Total, got, want)
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	c := dial(t, wholeBuffer)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- receive.New(1, batchBytes).Receive(ctx, c) }() // awaited below
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Receive = %v", err)
	}
}

func TestReceiveSaysWhyItCannotGoOn(t *testing.T) {
	c := dial(t, wholeBuffer)
	c.Close()
	if err := receive.New(1, batchBytes).Receive(t.Context(), c); err == nil {
		t.Error("Receive on a closed socket has no error")
	}
}

func TestUnavailable(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"not permitted", os.NewSyscallError("bind", syscall.EPERM), "no CAP_NET_ADMIN"},
		{"refused by the connector", fmt.Errorf("process connector: %w", syscall.EPERM), "no CAP_NET_ADMIN"},
		{"not in the kernel", os.NewSyscallError("socket", syscall.EPROTONOSUPPORT), "no process connector in this kernel or network namespace"},
		{"not in this network", os.NewSyscallError("write", syscall.ECONNREFUSED), "no process connector in this kernel or network namespace"},
		{"silence", ErrNoAnswer, "no process connector outside of the first pid and user namespace"},
		{"anything else", errors.New("surprise"), "surprise"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Unavailable(tt.err); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
