package floor

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/bench/e2e"
)

// publisher writes messages to one socket, or the same messages to several. It is an
// e2e.Publisher.
type publisher struct {
	fds    []int
	batch  []byte
	single bool // one write a message
}

func newPublisher(fds []int, single bool) *publisher {
	return &publisher{fds: fds, batch: make([]byte, 0, batchSize), single: single}
}

// Send implements load.Sender.
func (p *publisher) Send(payload []byte) error {
	if len(p.batch)+lengthSize+len(payload) > batchSize {
		if err := p.Flush(); err != nil {
			return err
		}
	}
	p.batch = binary.LittleEndian.AppendUint32(p.batch, uint32(len(payload)))
	p.batch = append(p.batch, payload...)
	if p.single {
		return p.Flush()
	}
	return nil
}

// Flush implements load.Sender.
func (p *publisher) Flush() error {
	for _, fd := range p.fds {
		if err := writeAll(fd, p.batch); err != nil {
			return err
		}
	}
	p.batch = p.batch[:0]
	return nil
}

// Close implements io.Closer.
func (p *publisher) Close() error {
	var err error
	for _, fd := range p.fds {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

// stream is what a subscriber has read from one socket and not yet handed on.
type stream struct {
	buf  []byte
	have int
}

func newStream() *stream { return &stream{buf: make([]byte, readSize)} }

// fill reads once and hands on every message that is complete.
func (s *stream) fill(fd int, sink e2e.Sink) (open bool, err error) {
	n, err := read(fd, s.buf[s.have:])
	if n <= 0 || err != nil {
		return false, err
	}
	s.have += n
	end, err := whole(s.buf[:s.have])
	if err != nil {
		return false, err
	}
	for b := s.buf[:end]; len(b) > 0; {
		size := lengthSize + int(binary.LittleEndian.Uint32(b))
		sink.Receive(b[lengthSize:size])
		b = b[size:]
	}
	s.have = copy(s.buf, s.buf[end:s.have])
	return true, nil
}

// receive reads fds until all streams have ended or ctx has. With one socket the
// thread blocks in the read itself.
func receive(ctx context.Context, fds []int, sink e2e.Sink) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	streams := make([]*stream, len(fds))
	polls := make([]unix.PollFd, len(fds))
	for i, fd := range fds {
		defer unix.Close(fd)
		defer hangUpWith(ctx, fd)()
		streams[i] = newStream()
		polls[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	}
	for open := len(fds); open > 0; {
		if len(fds) > 1 {
			if _, err := unix.Poll(polls, -1); err != nil && !errors.Is(err, unix.EINTR) {
				return err
			}
		}
		for i, s := range streams {
			if len(fds) > 1 && polls[i].Revents == 0 || polls[i].Fd < 0 {
				continue
			}
			more, err := s.fill(fds[i], sink)
			if err != nil && ctx.Err() == nil {
				return err
			}
			if !more {
				polls[i].Fd = -1 // poll passes over negative descriptors
				open--
			}
		}
	}
	return nil
}
