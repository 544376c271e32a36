package process

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/receive"
)

// appendReport appends r as the kernel sends it.
func appendReport(dst []byte, r report) []byte {
	ne := binary.NativeEndian
	m := make([]byte, offBody+24)
	ne.PutUint32(m, uint32(len(m)))
	ne.PutUint16(m[4:], unix.NLMSG_DONE)
	ne.PutUint32(m[offConnector:], connectorProc)
	ne.PutUint32(m[offConnector+4:], connectorProc)
	ne.PutUint32(m[offConnector+8:], r.seq)
	ne.PutUint16(m[offConnector+16:], uint16(len(m)-offEvent))
	ne.PutUint32(m[offEvent:], uint32(r.what))
	ne.PutUint32(m[offEvent+4:], r.cpu)
	ne.PutUint64(m[offEvent+8:], uint64(r.timeNs))
	body := m[offBody:]
	switch r.what {
	case whatFork:
		ne.PutUint32(body[4:], r.parent)
		ne.PutUint32(body[8:], r.thread)
		ne.PutUint32(body[12:], r.pid)
	default:
		ne.PutUint32(body, r.thread)
		ne.PutUint32(body[4:], r.pid)
		ne.PutUint32(body[8:], r.value)
	}
	return append(dst, m...)
}

// following is a tracker that takes batches from the test, in a bubble of time.
type following struct {
	*machine
	kernel scripted
	cancel context.CancelFunc
	failed chan error
	ended  chan error
	seq    uint32
}

// delivery is what a read of the connector gives.
type delivery struct {
	bytes   []byte
	overrun bool
}

// scripted is a receive.Source that has what the test sends.
type scripted chan delivery

func (s scripted) Fill(b []byte) (n int, overrun bool, err error) {
	d, open := <-s
	if !open {
		return 0, false, os.ErrDeadlineExceeded
	}
	return copy(b, d.bytes), d.overrun, nil
}

// SetReadDeadline is called once, at the end.
func (s scripted) SetReadDeadline(time.Time) error { close(s); return nil }

func follow(h *machine) *following {
	ctx, cancel := context.WithCancel(h.t.Context())
	f := &following{machine: h, kernel: make(scripted), cancel: cancel, failed: make(chan error, 1), ended: make(chan error, 1)}
	q := receive.New(batches, batchBytes)
	var receiver sync.WaitGroup
	receiver.Go(func() { _ = q.Receive(ctx, f.kernel) }) // ended by stop, and awaited by the next line
	go func() {                                          // awaited by stop
		err := h.consume(ctx, q, f.failed, func() (int64, bool) { return math.MaxInt64, true }, clock.Ahead{})
		cancel()
		receiver.Wait()
		f.ended <- err
	}()
	return f
}

// send hands over one batch with one report of what happened to a process, after
// a hole of so many reports.
func (f *following) send(hole uint32, what what, pid uint32) {
	f.t.Helper()
	f.seq += hole + 1
	f.kernel <- delivery{bytes: appendReport(nil, report{what: what, seq: f.seq, thread: pid, pid: pid, parent: 100, timeNs: clock.Mono()})}
	synctest.Wait()
}

func (f *following) stop() error {
	f.cancel()
	return <-f.ended
}

func TestALossIsAnnouncedAndMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.set(systemd)
		h.set(shell)
		h.snapshot()
		f := follow(h)
		f.send(0, whatFork, 150)
		// While reports are lost, one program starts and the shell ends.
		h.set(h.sleeping(200))
		h.remove(100)
		f.send(12, whatFork, 151)
		f.send(3, whatFork, 152)
		time.Sleep(settle) // of the bubble's time
		synctest.Wait()
		h.set(h.sleeping(201))
		f.send(0, whatExec, 201)
		if err := f.stop(); err != nil {
			t.Error(err)
		}
		want := []string{
			sawSystemd,
			sawShell,
			"gap gap 15 of 15: reports of the process connector: the kernel dropped them",
			"lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] exit_status_unknown time_approximate inferred",
			"lifecycle start 200 parent 100: sleep /bin/sleep [sleep 1] parent_unread time_approximate inferred",
			"lifecycle start 201 parent 100: sleep /bin/sleep [sleep 1] parent_unread",
		}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestAnOverrunIsAnnouncedEvenIfNothingShowsHowMuchWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		f := follow(h)
		f.kernel <- delivery{overrun: true}
		synctest.Wait()
		time.Sleep(settle)
		synctest.Wait()
		if err := f.stop(); err != nil {
			t.Error(err)
		}
		want := []string{"gap gap 0 of 0: reports of the process connector: the receive buffer overran"}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestALossOnALossIsComparedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		f := follow(h)
		f.send(0, whatFork, 150)
		for range 20 { // two seconds of losses, none in the moment of a comparison
			f.send(1, whatFork, 150)
			time.Sleep(settle - time.Millisecond)
		}
		time.Sleep(compareGap)
		synctest.Wait()
		if err := f.stop(); err != nil {
			t.Error(err)
		}
		want := []string{
			"gap gap 2 of 2: reports of the process connector: the kernel dropped them",
			"gap gap 10 of 12: reports of the process connector: the kernel dropped them",
			"gap gap 8 of 20: reports of the process connector: the kernel dropped them",
		}
		if diff := cmp.Diff(want, h.events); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestWhatWaitsIsAppliedBeforeAComparison has the end of a process reported in
// the very moment in which a comparison is due: the report has the status, and a
// comparison would not.
func TestWhatWaitsIsAppliedBeforeAComparison(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // which comes first is a matter of chance
			h := newHost(t)
			h.set(systemd)
			h.set(shell)
			h.snapshot()
			f := follow(h)
			f.send(0, whatFork, 150)
			f.send(1, whatFork, 151)
			// While an event is taken, both come to be due.
			busy := make(chan struct{})
			take := h.sink
			h.sink = func(m collector.Message) { <-busy; take(m); h.sink = take }
			h.set(h.sleeping(200))
			f.send(0, whatExec, 200)
			time.Sleep(settle)
			h.remove(100)
			f.send(0, whatExit, 100)
			close(busy)
			synctest.Wait()
			if err := f.stop(); err != nil {
				t.Error(err)
			}
			if want := "lifecycle exit 100 parent 1 (systemd): bash /bin/bash [bash -l] status 0/0"; !slices.Contains(h.events, want) {
				t.Fatalf("events are %q, want %q among them", h.events, want)
			}
		}
	})
}

func TestAMalformedMessageCountsAsLost(t *testing.T) {
	h := newHost(t)
	var lost losses
	addBatch([]byte("this is not a message of the kernel, although it is long enough for one"), newLookahead(h.reader), &lost, clock.Ahead{})
	if lost.total != 1 {
		t.Errorf("lost %d, want 1", lost.total)
	}
}

func TestTheReceiversErrorEndsTheCollector(t *testing.T) {
	h := newHost(t)
	f := follow(h)
	want := errors.New("the kernel is tired")
	f.failed <- want
	if err := <-f.ended; !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
	f.cancel()
}
