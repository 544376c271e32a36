package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/receive"
)

func TestNobodyElseCanReport(t *testing.T) {
	skipUnlessPermitted(t, Options{Mode: ModeNetlink})
	c, err := dial(DefaultReceiveBuffer)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
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
	forged := report{what: whatExit, thread: 1, pid: 1, value: 9}
	for range 3 {
		err := unix.Sendto(fd, appendReport(nil, forged), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorProc})
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
			if r.what == whatExit && r.pid == 1 {
				t.Fatal("a forged report was received")
			}
			if r.pid == uint32(cmd.Process.Pid) {
				pid = r.pid
			}
		}
	}
}

// drain returns the reports that have arrived, and whether the kernel said that
// it dropped some. It ends once the socket has been quiet for a moment.
func drain(t *testing.T, c *conn) (reports []report, overrun bool) {
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
			var r report
			if r, rest, err = nextReport(rest); err != nil {
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
	skipUnlessPermitted(t, Options{Mode: ModeNetlink})
	large, err := dial(DefaultReceiveBuffer)
	if err != nil {
		t.Fatal(err)
	}
	defer large.Close()
	small, err := dial(1)
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()

	var lost losses
	first, last := map[uint32]uint32{}, map[uint32]uint32{}
	received, overran := 0, false
	take := func() {
		reports, overrun := drain(t, small)
		overran = overran || overrun
		for _, r := range reports {
			lost.note(r.cpu, r.seq)
			if _, seen := first[r.cpu]; !seen {
				first[r.cpu] = r.seq
			}
			last[r.cpu] = r.seq
		}
		received += len(reports)
	}
	const script = "i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i+1)); done"
	take()
	// The first round overruns; a hole shows with the next report of its cpu,
	// which may take another round.
	for round := 0; lost.total == 0 && round < 20; round++ {
		if err := exec.Command("/bin/sh", "-c", script).Run(); err != nil {
			t.Fatal(err)
		}
		take()
	}
	if !overran || lost.total == 0 {
		t.Fatalf("overrun %v, lost %d: the buffer did not overrun", overran, lost.total)
	}
	want := 0
	reports, overrun := drain(t, large)
	for _, r := range reports {
		if from, seen := first[r.cpu]; seen && r.seq-from <= last[r.cpu]-from {
			want++
		}
	}
	if overrun {
		t.Fatal("the large buffer overran too")
	}
	if got := received + int(lost.total); got != want {
		t.Errorf("received %d and lost %d, together %d; want %d", received, lost.total, got, want)
	}
}

func TestReceiveEndsWithItsContext(t *testing.T) {
	skipUnlessPermitted(t, Options{Mode: ModeNetlink})
	c, err := dial(DefaultReceiveBuffer)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- receive.New(1, batchBytes).Receive(ctx, c) }() // awaited below
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Receive = %v", err)
	}
}

func TestReceiveSaysWhyItCannotGoOn(t *testing.T) {
	skipUnlessPermitted(t, Options{Mode: ModeNetlink})
	c, err := dial(DefaultReceiveBuffer)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := receive.New(1, batchBytes).Receive(t.Context(), c); err == nil {
		t.Error("Receive on a closed socket has no error")
	}
}
