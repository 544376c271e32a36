package outbox

import (
	"context"
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

// newOutbox returns an outbox without a goroutine in Run: what it writes is written by
// the goroutine that appends. The other end of its socket waits no longer than a test
// may.
func newOutbox(t *testing.T, maxSize int) (o *Outbox, peer *frame.Reader) {
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
	if o, err = New(0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.pacing.timer.close)
	o.Connect(fds[0], maxSize, 0)
	return o, frame.NewReader(end, 0)
}

// await waits until ok is true.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func (o *Outbox) isWriting() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writing
}

// fill has a message written that the socket does not take whole before the peer reads,
// and returns the result.
func (o *Outbox) fill(t *testing.T) (written chan error) {
	t.Helper()
	written = make(chan error, 1)
	go func() { // ends when the peer has read it
		f := frame.Fields{Type: frame.TypePublish, Topic: "a", Payload: make([]byte, 900<<10)}
		written <- o.Write(context.Background(), bus.Bulk, frame.HeaderSize+len(f.Payload), &f)
	}()
	await(t, "a goroutine writes", o.isWriting)
	return written
}

// TestRequestsFollowTheBatch appends a request and a ping while a batch is being
// written: the goroutine that writes it writes them too.
func TestRequestsFollowTheBatch(t *testing.T) {
	t.Parallel()
	for _, ty := range []frame.Type{frame.TypeRequest, frame.TypePing} {
		o, peer := newOutbox(t, frame.DefaultMaxSize)
		written := o.fill(t)
		lane, f := bus.Bulk, frame.Fields{Type: ty, ID: 7}
		if ty == frame.TypeRequest {
			lane, f.Topic = bus.Urgent, "a.b"
		}
		if err := o.Write(context.Background(), lane, 100, &f); err != nil {
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

// TestLargeBatchesAreReused holds that the memory of a message of the largest size is
// used again.
func TestLargeBatchesAreReused(t *testing.T) {
	t.Parallel()
	o, peer := newOutbox(t, frame.DefaultMaxSize)
	f := frame.Fields{Type: frame.TypePublish, Topic: "events.a", Payload: make([]byte, frame.DefaultMaxSize-100)}
	reading := make(chan error, 1)
	go func() { // ends with the message
		_, err := peer.Next()
		reading <- err
	}()
	if err := o.Write(context.Background(), bus.Bulk, frame.DefaultMaxSize-50, &f); err != nil {
		t.Fatal(err)
	}
	if err := <-reading; err != nil {
		t.Fatal(err)
	}
	if got := max(cap(o.lanes[bus.Bulk]), cap(o.spare)); got < len(f.Payload) {
		t.Errorf("%d bytes are kept", got)
	}
}

func (o *Outbox) publish(t *testing.T) {
	t.Helper()
	f := frame.Fields{Type: frame.TypePublish, Topic: "a"}
	if err := o.Write(context.Background(), bus.Bulk, frame.HeaderSize+1, &f); err != nil {
		t.Fatal(err)
	}
}

// exhaustTokens has what is published next wait for more, however long that takes.
func (o *Outbox) exhaustTokens() {
	o.mu.Lock()
	o.pacing.tokens, o.pacing.tokensAt = minTokens, frame.Now()+int64(time.Hour)
	o.mu.Unlock()
}

// TestMessagesCostHoweverTheyAreWritten: a publisher that pauses between bursts must not
// earn by that to have each burst begin with messages written one by one.
func TestMessagesCostHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	o, _ := newOutbox(t, frame.DefaultMaxSize)
	o.pacing.armed = false
	o.pacing.tokens, o.pacing.tokensAt = maxTokens, frame.Now()
	o.publish(t)
	if got := o.writes.Load(); got != 1 || o.pacing.tokens > maxTokens-messageCost {
		t.Errorf("%d writes and %d tokens; want 1, and one message paid", got, o.pacing.tokens)
	}
	o.exhaustTokens()
	for range batchCount - 1 {
		o.publish(t)
	}
	if got := o.writes.Load(); got != 1 || !o.pacing.armed {
		t.Errorf("%d writes, armed %v; want the burst to wait", got, o.pacing.armed)
	}
	o.pacing.tokens, o.pacing.tokensAt = maxTokens, frame.Now()
	if err := o.Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := o.writes.Load(); got != 2 || o.pacing.tokens != minTokens {
		t.Errorf("%d writes and %d tokens; want 2, and %d", got, o.pacing.tokens, minTokens)
	}
}

// TestWaitingMessagesAreWritten has messages wait, some of which are pushed: Run writes
// the others, whatever became of its timer.
func TestWaitingMessagesAreWritten(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{minWait, maxWait} {
		o, peer := newOutbox(t, frame.DefaultMaxSize)
		ended := make(chan struct{})
		go func() { o.Run(); close(ended) }() // ends with the outbox
		for range 100 {
			o.mu.Lock()
			o.pacing.wait = wait
			o.mu.Unlock()
			o.exhaustTokens()
			o.publish(t)
			if err := o.Push(t.Context()); err != nil {
				t.Fatal(err)
			}
			o.exhaustTokens()
			o.publish(t)
			for range 2 {
				if _, err := peer.Next(); err != nil {
					t.Fatal(err)
				}
			}
		}
		o.Close(nil)
		<-ended
	}
}

// TestPushReachesTheWriter has a message pushed while another is being written, and no
// timer that would write it later.
func TestPushReachesTheWriter(t *testing.T) {
	t.Parallel()
	o, peer := newOutbox(t, frame.DefaultMaxSize)
	written := o.fill(t)
	o.publish(t)
	if err := o.Push(t.Context()); err != nil {
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
// broker, does not wait for more.
func TestABudgetIsForMessages(t *testing.T) {
	t.Parallel()
	o, peer := newOutbox(t, frame.DefaultMaxSize)
	if o.pacing.armed {
		t.Error("nothing waits, but it is armed")
	}
	o.pacing.budget, o.pacing.wait = time.Hour, time.Hour
	o.exhaustTokens()
	o.publish(t)
	ended := make(chan struct{})
	go func() { o.Run(); close(ended) }() // ends with the outbox
	if err := o.Enqueue(&frame.Fields{Type: frame.TypePong, ID: 1}); err != nil {
		t.Fatal(err)
	}
	if f, err := peer.Next(); err != nil || f.Type() != frame.TypePong {
		t.Errorf("%v, %v; want the pong", f, err)
	}
	o.Close(nil)
	<-ended
}

// TestRunEndsWithTheOutbox has Run wait for longer than any test.
func TestRunEndsWithTheOutbox(t *testing.T) {
	t.Parallel()
	o, _ := newOutbox(t, frame.DefaultMaxSize)
	o.mu.Lock()
	o.pacing.wait, o.pacing.armed, o.pacing.due = time.Hour, false, 0
	o.arm(frame.Now(), o.pacing.wait)
	o.mu.Unlock()
	ended := make(chan struct{})
	go func() { o.Run(); close(ended) }() // ends with the outbox
	o.Close(nil)
	<-ended
}

// TestFailedWriteHangsUp has a write fail although the peer is there: the connection
// ends, so that the goroutine that reads from it sees the end, and what was not written
// is kept.
func TestFailedWriteHangsUp(t *testing.T) {
	t.Parallel()
	o, peer := newOutbox(t, frame.DefaultMaxSize)
	fd := o.fd
	if err := unixsock.BoundSends(fd, time.Millisecond); err != nil { // the peer does not read
		t.Fatal(err)
	}
	f := frame.Fields{Type: frame.TypePublish, Topic: "events.a", Payload: make([]byte, 900<<10)}
	if err := o.Write(context.Background(), bus.Bulk, len(f.Payload)+100, &f); !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	if n, err := unixsock.Recv(fd, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("%d %v, want the end", n, err)
	}
	if cutID := o.Disconnect(); cutID != f.ID || len(o.lanes[bus.Bulk]) < len(f.Payload) {
		t.Errorf("message %d is kept, want %d", cutID, f.ID)
	}
	if _, err := peer.Next(); err == nil {
		t.Error("the message came")
	}
}
