package floor

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// Batched is the two-hop relay that does as little as can be done: one thread owns
// epoll, reads up to 256 KiB from each publisher that has something, and writes all
// of it to each subscriber at once. The scheduler knows of no system call but the wait:
// the others cannot block.
func Batched() e2e.System {
	return relay("relay-batched", report.Vermillion, false, func(ctx context.Context, c e2e.Config, ready func()) error {
		r, err := newBatchedRelay(c.Socket())
		if err != nil {
			return err
		}
		defer r.close()
		return r.serve(ctx, ready)
	})
}

// batchedRelay belongs to the goroutine that serves.
type batchedRelay struct {
	epoll       int
	listener    int
	wake        int // eventfd; ends the wait when ctx does
	conns       map[int]*batchedConn
	subscribers []*batchedConn
	turn        []*batchedConn // publishers that have whole messages in this turn
}

// batchedConn is a publisher, a subscriber, or one of which that is not yet known.
type batchedConn struct {
	fd    int
	hello byte

	// of a publisher
	buf  []byte
	have int // bytes in buf
	end  int // of the whole messages in buf

	// of a subscriber
	written int // bytes of this turn that are written
}

func newBatchedRelay(path string) (*batchedRelay, error) {
	var failed [3]error
	r := &batchedRelay{conns: map[int]*batchedConn{}}
	r.listener, failed[0] = listen(path)
	r.epoll, failed[1] = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	r.wake, failed[2] = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	err := errors.Join(failed[:]...)
	if err == nil {
		err = errors.Join(r.watch(r.listener), r.watch(r.wake))
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// close closes all descriptors; those that were never opened are -1, and closing
// them does nothing.
func (r *batchedRelay) close() {
	for fd := range r.conns {
		unix.Close(fd)
	}
	unix.Close(r.listener)
	unix.Close(r.epoll)
	unix.Close(r.wake)
}

func (r *batchedRelay) watch(fd int) error {
	return unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (r *batchedRelay) serve(ctx context.Context, ready func()) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer context.AfterFunc(ctx, func() {
		_, _ = unix.Write(r.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // an eventfd takes it
	})()
	ready()
	events := make([]unix.EpollEvent, 128)
	for ctx.Err() == nil {
		n, err := r.wait(events)
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if err := r.event(int(e.Fd)); err != nil {
				return err
			}
		}
		r.forward()
	}
	return nil
}

// wait looks first without blocking, which is cheaper, and blocks only when there is
// nothing.
func (r *batchedRelay) wait(events []unix.EpollEvent) (int, error) {
	if n := epollNow(r.epoll, events); n > 0 {
		return n, nil
	}
	n, err := unix.EpollWait(r.epoll, events, -1)
	if errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	return n, err
}

func (r *batchedRelay) event(fd int) error {
	switch c := r.conns[fd]; {
	case fd == r.wake:
		return nil
	case fd == r.listener:
		return r.accept()
	case c.hello == 0:
		return r.greeted(c)
	case c.hello == helloSubscriber:
		r.drop(c) // it sends nothing after its hello, so this is its end
	default:
		r.fill(c)
	}
	return nil
}

func (r *batchedRelay) accept() error {
	fd, err := accept(r.listener)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	r.conns[fd] = &batchedConn{fd: fd}
	return r.watch(fd)
}

func (r *batchedRelay) greeted(c *batchedConn) error {
	var hello [1]byte
	if n, errno := readNow(c.fd, hello[:]); n != 1 {
		if errno != unix.EAGAIN {
			r.drop(c)
		}
		return nil
	}
	c.hello = hello[0]
	switch c.hello {
	case helloPublisher:
		c.buf = make([]byte, readSize)
	case helloSubscriber:
		r.subscribers = append(r.subscribers, c)
		_, _ = writeNow(c.fd, hello[:]) // an empty socket takes one byte, or its peer has gone
	default:
		return fmt.Errorf("floor: hello %q", hello)
	}
	return nil
}

// fill reads once from a publisher.
func (r *batchedRelay) fill(c *batchedConn) {
	n, errno := readNow(c.fd, c.buf[c.have:])
	if n <= 0 {
		if errno != unix.EAGAIN {
			r.drop(c)
		}
		return
	}
	c.have += n
	var err error
	if c.end, err = whole(c.buf[:c.have]); err != nil {
		r.drop(c)
		return
	}
	r.turn = append(r.turn, c)
}

func (r *batchedRelay) drop(c *batchedConn) {
	delete(r.conns, c.fd)
	for i, s := range r.subscribers {
		if s == c {
			r.subscribers = append(r.subscribers[:i], r.subscribers[i+1:]...)
			break
		}
	}
	unix.Close(c.fd)
}
