package process

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/connector"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
	"github.com/daemoneye/eventbus/agent/collector/receive"
)

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
func (f *following) send(hole uint32, kind report.Kind, pid uint32) {
	f.t.Helper()
	f.seq += hole + 1
	r := report.Report{Kind: kind, Thread: pid, PID: pid, Parent: 100, TimeNs: clock.Mono()}
	f.kernel <- delivery{bytes: connector.Append(nil, connector.Message{Report: r, Seq: f.seq})}
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
		f.send(0, report.Fork, 150)
		// While reports are lost, one program starts and the shell ends.
		h.set(h.sleeping(200))
		h.remove(100)
		f.send(12, report.Fork, 151)
		f.send(3, report.Fork, 152)
		time.Sleep(settle) // of the bubble's time
		synctest.Wait()
		h.set(h.sleeping(201))
		f.send(0, report.Exec, 201)
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
		f.send(0, report.Fork, 150)
		for range 20 { // two seconds of losses, none in the moment of a comparison
			f.send(1, report.Fork, 150)
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
			f.send(0, report.Fork, 150)
			f.send(1, report.Fork, 151)
			// While an event is taken, both come to be due.
			busy := make(chan struct{})
			take := h.sink
			h.sink = func(m collector.Message) { <-busy; take(m); h.sink = take }
			h.set(h.sleeping(200))
			f.send(0, report.Exec, 200)
			time.Sleep(settle)
			h.remove(100)
			f.send(0, report.Exit, 100)
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
	var lost connector.Losses
	addBatch([]byte("this is not a message of the kernel, although it is long enough for one"), connector.NewLookahead(h.reader), &lost, clock.Ahead{})
	if lost.Total != 1 {
		t.Errorf("lost %d, want 1", lost.Total)
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
