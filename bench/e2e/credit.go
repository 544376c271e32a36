package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/bench/load"
)

// Credits between processes are Unix sockets from each subscriber to each publisher.
// A subscriber listens at credit-<index>.sock; a publisher connects and sends its
// index in 4 bytes. An acknowledgement is 8 bytes: the sequence below which
// everything was seen. Only the newest counts, so nothing has to be framed or kept.
const ackSize = 8

func creditPath(c Config, subscriber int) string {
	return c.Path(fmt.Sprintf("credit-%d.sock", subscriber))
}

// creditPayer is the subscriber's end: a load.Acker.
type creditPayer struct {
	listener *net.UnixListener
	accepted chan struct{} // closed when accept has ended

	// written by accept before it closes accepted, read after
	publishers []*net.UnixConn
	err        error
}

// payCredits listens for the publishers, which connect later.
func payCredits(c Config) (*creditPayer, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: creditPath(c, c.Index), Net: "unix"})
	if err != nil {
		return nil, err
	}
	p := &creditPayer{listener: l, accepted: make(chan struct{}), publishers: make([]*net.UnixConn, c.Publishers)}
	go p.accept() // Close waits for it
	return p, nil
}

func (p *creditPayer) accept() {
	defer close(p.accepted)
	for range p.publishers {
		conn, err := p.listener.AcceptUnix()
		if err != nil {
			p.err = err
			return
		}
		var index [4]byte
		if _, err := io.ReadFull(conn, index[:]); err != nil {
			p.err = err
			return
		}
		p.publishers[binary.LittleEndian.Uint32(index[:])] = conn
	}
}

// Ack implements load.Acker. It waits for the publishers to connect, but not for
// them to read: a window has at most acks of these messages on their way, which
// every socket holds.
func (p *creditPayer) Ack(publisher uint32, upTo uint64) error {
	<-p.accepted
	if p.err != nil {
		return p.err
	}
	var b [ackSize]byte
	binary.LittleEndian.PutUint64(b[:], upTo)
	_, err := p.publishers[publisher].Write(b[:])
	return err
}

func (p *creditPayer) Close() {
	p.listener.Close()
	<-p.accepted
	for _, conn := range p.publishers {
		if conn != nil {
			conn.Close()
		}
	}
}

// creditTaker is the publisher's end: a load.Credits.
type creditTaker struct {
	files []*os.File
	polls []unix.PollFd
	acked []uint64
	buf   [64 * ackSize]byte
}

// takeCredits connects to all subscribers.
func takeCredits(c Config) (*creditTaker, error) {
	t := &creditTaker{}
	for s := range c.Subscribers {
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: creditPath(c, s), Net: "unix"})
		if err != nil {
			return nil, err
		}
		if _, err := conn.Write(binary.LittleEndian.AppendUint32(nil, uint32(c.Index))); err != nil {
			return nil, err
		}
		// A descriptor of its own, which this side polls by itself: a goroutine a
		// subscriber would add a hand-over to each credit.
		f, err := conn.File()
		conn.Close()
		if err != nil {
			return nil, err
		}
		t.files = append(t.files, f)
		t.polls = append(t.polls, unix.PollFd{Fd: int32(f.Fd()), Events: unix.POLLIN})
		t.acked = append(t.acked, 0)
	}
	return t, nil
}

// Await implements load.Credits.
func (t *creditTaker) Await(ctx context.Context, n uint64) (uint64, error) {
	var asleep time.Duration
	for {
		low := ^uint64(0)
		behind := -1
		for i := range t.files {
			// Also from those who are far enough: what they have sent would pile up
			// in the socket.
			if err := t.drain(i); err != nil {
				return 0, err
			}
			if t.acked[i] < n {
				behind = i
			}
			low = min(low, t.acked[i])
		}
		if behind < 0 || asleep >= load.Patience {
			return low, nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		const nap = 100 * time.Millisecond // short, so that the end of ctx is seen
		n, err := unix.Poll(t.polls[behind:behind+1], int(nap.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, fmt.Errorf("e2e: credits: %w", err)
		}
		if n == 0 {
			asleep += nap
		}
	}
}

// drain reads what subscriber i has sent, without waiting. A read that ends within
// an acknowledgement is made whole: its rest is on its way.
func (t *creditTaker) drain(i int) error {
	fd := int(t.polls[i].Fd)
	n, errno := receiveNow(fd, t.buf[:])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil
	case errno != 0:
		return fmt.Errorf("e2e: credits: %w", errno)
	case n == 0:
		return fmt.Errorf("e2e: credits of subscriber %d: %w", i, io.ErrUnexpectedEOF)
	}
	if part := n % ackSize; part != 0 {
		if _, err := io.ReadFull(t.files[i], t.buf[n:n+ackSize-part]); err != nil {
			return err
		}
		n += ackSize - part
	}
	t.acked[i] = binary.LittleEndian.Uint64(t.buf[n-ackSize : n])
	return nil
}

// receiveNow does not wait, and does not ask for the sender's address, because
// unix.Recvfrom allocates one: what a message allocates is measured in this process
// too.
func receiveNow(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

func (t *creditTaker) Close() {
	for _, f := range t.files {
		f.Close()
	}
}
