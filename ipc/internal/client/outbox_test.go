package client

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc/internal/unixsock"
	"github.com/daemoneye/eventbus/router/bus"
)

// newOutbox returns an outbox that nobody runs: what it writes is written by who
// appends. The other end of its socket can wait no longer than a test may.
func newOutbox(t *testing.T, maxSize int) (o *outbox, peer *frame.Reader) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[1], true); err != nil {
		t.Fatal(err)
	}
	end := os.NewFile(uintptr(fds[1]), "peer")
	if err := end.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end.Close()
		unix.Close(fds[0])
	})
	o = new(outbox)
	if err := o.init(0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.timer.close)
	o.connect(fds[0], maxSize)
	return o, frame.NewReader(end, 0)
}

// await looks until ok is true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func (o *outbox) isWriting() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writing
}

// fill has a message written that the socket does not take before the peer reads,
// and returns what comes of it.
func (o *outbox) fill(t *testing.T) (written chan error) {
	t.Helper()
	written = make(chan error, 1)
	go func() { // ends when the peer has read it
		f := frame.Fields{Type: frame.TypePublish, Topic: "a", Payload: make([]byte, 900<<10)}
		written <- o.write(bus.Bulk, frame.HeaderSize+len(f.Payload), &f)
	}()
	await(t, "somebody writes", o.isWriting)
	return written
}

// TestWhatIsAwaitedFollowsTheBatch appends a request and a ping while a batch is
// being written: who writes that takes them along.
func TestWhatIsAwaitedFollowsTheBatch(t *testing.T) {
	t.Parallel()
	for _, ty := range []frame.Type{frame.TypeRequest, frame.TypePing} {
		o, peer := newOutbox(t, frame.DefaultMaxSize)
		written := o.fill(t)
		lane, f := bus.Bulk, frame.Fields{Type: ty, ID: 7}
		if ty == frame.TypeRequest {
			lane, f.Topic = bus.Urgent, "a.b"
		}
		if err := o.write(lane, 100, &f); err != nil {
			t.Fatal(err)
		}
		for _, want := range []frame.Type{frame.TypePublish, ty} {
			if f, err := peer.Next(); err != nil || f.Type() != want {
				t.Fatalf("%v %v, want %s", f, err, want)
			}
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	}
}

// TestLargeBatchesAreKept holds that the memory of a message as large as there may
// be is used again.
func TestLargeBatchesAreKept(t *testing.T) {
	t.Parallel()
	o, peer := newOutbox(t, frame.DefaultMaxSize)
	f := frame.Fields{Type: frame.TypePublish, Topic: "events.a", Payload: make([]byte, frame.DefaultMaxSize-100)}
	reading := make(chan error, 1)
	go func() { // ends with the message
		_, err := peer.Next()
		reading <- err
	}()
	if err := o.write(bus.Bulk, frame.DefaultMaxSize-50, &f); err != nil {
		t.Fatal(err)
	}
	if err := <-reading; err != nil {
		t.Fatal(err)
	}
	if got := max(cap(o.lanes[bus.Bulk]), cap(o.spare)); got < len(f.Payload) {
		t.Errorf("%d bytes are kept", got)
	}
}

func (o *outbox) publish(t *testing.T) {
	t.Helper()
	f := frame.Fields{Type: frame.TypePublish, Topic: "a"}
	if err := o.write(bus.Bulk, frame.HeaderSize+1, &f); err != nil {
		t.Fatal(err)
	}
}

// indebt has what is published next wait for company, however long that takes.
func (o *outbox) indebt() {
	o.mu.Lock()
	o.credit, o.paidAt = -maxDebt, frame.Now()+int64(time.Hour)
	o.mu.Unlock()
}

// TestMessagesPayHoweverTheyAreWritten: who waits between bursts must not earn by
// that to have each burst begin with messages written one by one.
func TestMessagesPayHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	o, _ := newOutbox(t, frame.DefaultMaxSize)
	o.armed = false
	o.credit, o.paidAt = maxCredit, frame.Now()
	o.publish(t)
	if got := o.writes.Load(); got != 1 || o.credit > maxCredit-messageCost {
		t.Errorf("%d writes and a credit of %d; want 1, and one message paid", got, o.credit)
	}
	o.indebt()
	for range batchCount - 1 {
		o.publish(t)
	}
	if got := o.writes.Load(); got != 1 || !o.armed {
		t.Errorf("%d writes, armed %v; want the burst to wait", got, o.armed)
	}
	o.credit, o.paidAt = maxCredit, frame.Now()
	if err := o.push(); err != nil {
		t.Fatal(err)
	}
	if got := o.writes.Load(); got != 2 || o.credit != -maxDebt {
		t.Errorf("%d writes and a credit of %d; want 2, and %d", got, o.credit, -maxDebt)
	}
}

// TestWhatWaitsIsWritten has messages wait, and be pushed or not: run writes what
// was not, whatever became of its timer.
func TestWhatWaitsIsWritten(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{minWait, maxWait} {
		o, peer := newOutbox(t, frame.DefaultMaxSize)
		ended := make(chan struct{})
		go func() { o.run(); close(ended) }() // ends with the outbox
		for range 100 {
			o.mu.Lock()
			o.wait = wait
			o.mu.Unlock()
			o.indebt()
			o.publish(t)
			if err := o.push(); err != nil {
				t.Fatal(err)
			}
			o.indebt()
			o.publish(t)
			for range 2 {
				if _, err := peer.Next(); err != nil {
					t.Fatal(err)
				}
			}
		}
		o.close(nil)
		<-ended
	}
}

// TestPushReachesWhoWrites has a message pushed while another is being written,
// and nobody to look later.
func TestPushReachesWhoWrites(t *testing.T) {
	t.Parallel()
	o, peer := newOutbox(t, frame.DefaultMaxSize)
	written := o.fill(t)
	o.publish(t)
	if err := o.push(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := peer.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// TestABudgetIsForMessages: what a new connection begins with, and what answers the
// broker, does not wait for company.
func TestABudgetIsForMessages(t *testing.T) {
	t.Parallel()
	o, peer := newOutbox(t, frame.DefaultMaxSize)
	if o.armed {
		t.Error("nothing waits, but it is armed")
	}
	o.budget, o.wait = time.Hour, time.Hour
	o.indebt()
	o.publish(t)
	ended := make(chan struct{})
	go func() { o.run(); close(ended) }() // ends with the outbox
	if err := o.later(&frame.Fields{Type: frame.TypePong, ID: 1}); err != nil {
		t.Fatal(err)
	}
	if f, err := peer.Next(); err != nil || f.Type() != frame.TypePong {
		t.Errorf("%v, %v; want the pong", f, err)
	}
	o.close(nil)
	<-ended
}

// TestRunEndsWithTheOutbox has it wait for longer than any test.
func TestRunEndsWithTheOutbox(t *testing.T) {
	t.Parallel()
	o, _ := newOutbox(t, frame.DefaultMaxSize)
	o.mu.Lock()
	o.wait, o.armed, o.due = time.Hour, false, 0
	o.arm(frame.Now(), o.wait)
	o.mu.Unlock()
	ended := make(chan struct{})
	go func() { o.run(); close(ended) }() // ends with the outbox
	o.close(nil)
	<-ended
}

// TestStampsExpire holds that a reading of the clock is not used again after the
// outbox was looked at, or the connection lost.
func TestStampsExpire(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*outbox){
		"run looks": func(o *outbox) {
			done := make(chan struct{})
			go func() { o.run(); close(done) }() // ends with the outbox
			await(t, "run looks", func() bool {
				o.mu.Lock()
				defer o.mu.Unlock()
				return !o.armed
			})
			o.timer.close()
			<-done
		},
		"the connection is lost": func(o *outbox) { o.disconnect() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := newOutbox(t, frame.DefaultMaxSize)
			o.credit = -1 // the stream is dense
			o.arm(frame.Now(), minWait)
			for o.stamps.left == 0 { // until readings are shared
				o.stamp()
			}
			end(o)
			now := frame.Now()
			if got := o.stamp(); got < now {
				t.Errorf("the message is %d ns older than it is", now-got)
			}
		})
	}
	t.Run("a budget that is long", func(t *testing.T) {
		t.Parallel()
		o, _ := newOutbox(t, frame.DefaultMaxSize)
		o.credit, o.budget = -1, 2*maxWait
		for range 10000 {
			if o.stamp(); o.stamps.left > 0 {
				t.Fatal("readings are shared although run does not look for long")
			}
		}
	})
	t.Run("a batch begins", func(t *testing.T) {
		t.Parallel()
		o, _ := newOutbox(t, frame.DefaultMaxSize)
		o.credit = -1
		for o.stamps.left == 0 { // of messages that came while somebody wrote
			o.stamp()
		}
		now := frame.Now()
		o.arm(now, minWait)
		if got := o.stamp(); got < now {
			t.Errorf("the message is %d ns older than it is", now-got)
		}
	})
	t.Run("nobody is to look", func(t *testing.T) {
		t.Parallel()
		o, _ := newOutbox(t, frame.DefaultMaxSize)
		o.credit, o.armed = -1, false
		for last := int64(0); o.stamps.share == 0; {
			now := o.stamp()
			if now == last {
				t.Fatal("a reading is shared")
			}
			last = now
		}
	})
}

// TestMessagesWithoutThoseDropped is for what is kept between connections.
func TestMessagesWithoutThoseDropped(t *testing.T) {
	t.Parallel()
	var kept, want []byte
	for id := range uint64(5) {
		f := frame.Fields{Type: frame.TypePublish, Topic: "a", ID: id, Payload: make([]byte, id)}
		kept, _ = frame.Append(kept, &f)
		if id != 3 {
			want, _ = frame.Append(want, &f)
		}
	}
	got, dropped := without(kept, func(f frame.Frame) error {
		if f.ID() == 3 {
			return frame.ErrTooLarge
		}
		return nil
	}, nil)
	if !bytes.Equal(got, want) || len(dropped) != 1 {
		t.Errorf("%d bytes, want %d; dropped %v", len(got), len(want), dropped)
	}
}

// TestBackoffOutlivesShortConnections has connections that end at once, and one
// that does not.
func TestBackoffOutlivesShortConnections(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ lived, backoff, want time.Duration }{
		{0, firstBackoff, firstBackoff},
		{time.Millisecond, maxBackoff, maxBackoff},
		{time.Second, 2 * time.Second, 2 * time.Second},
		{3 * time.Second, 2 * time.Second, firstBackoff},
		{time.Hour, maxBackoff, firstBackoff},
	} {
		if got := backoffAfter(tc.lived, tc.backoff); got != tc.want {
			t.Errorf("%s after a connection of %s, where it was %s; want %s", got, tc.lived, tc.backoff, tc.want)
		}
	}
}

// TestFailedWriteHangsUp has a write fail although the peer is there: the connection
// ends, so that who reads from it sees that, and what was not written is kept.
func TestFailedWriteHangsUp(t *testing.T) {
	t.Parallel()
	o, peer := newOutbox(t, frame.DefaultMaxSize)
	fd := o.fd
	if err := unixsock.BoundSends(fd, time.Millisecond); err != nil { // nobody reads
		t.Fatal(err)
	}
	f := frame.Fields{Type: frame.TypePublish, Topic: "events.a", Payload: make([]byte, 900<<10)}
	if err := o.write(bus.Bulk, len(f.Payload)+100, &f); !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	if n, err := unixsock.Recv(fd, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("%d %v, want the end", n, err)
	}
	if stuck := o.disconnect(); stuck != f.ID || len(o.lanes[bus.Bulk]) < len(f.Payload) {
		t.Errorf("message %d is kept, want %d", stuck, f.ID)
	}
	if _, err := peer.Next(); err == nil {
		t.Error("the message came")
	}
}
