package server

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/frame/buffer"
	"github.com/daemoneye/eventbus/router/bus"
)

// readAll reads what the client of a connection has been sent.
func readAll(t *testing.T, fd int, into []byte) (n int) {
	t.Helper()
	for {
		k, err := unix.Read(fd, into)
		if err == unix.EAGAIN {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		n += k
	}
}

// fillPartly queues more for a connection than its socket takes, and has it written. All
// of it is in buf.
func (c *conn) fillPartly(t *testing.T, publisher interface {
	Handle(*buffer.Buffer, int, frame.Frame) error
}, buf *buffer.Buffer) {
	t.Helper()
	for off := 0; off < len(buf.B); {
		f, err := frame.Next(buf.B[off:], c.s.maxFrame)
		if err == nil {
			err = publisher.Handle(buf, off, f)
		}
		if err != nil {
			t.Fatal(err)
		}
		off += len(f)
	}
	c.s.b.EndBatch()
	c.flush()
	if c.unsent.empty() {
		t.Fatal("the socket took all of it")
	}
}

// messages returns a buffer with n messages of size bytes.
func (s *Server) messages(t *testing.T, n, size int) *buffer.Buffer {
	t.Helper()
	buf := s.b.Pool().Get(n * (size + 100))
	for range n {
		var err error
		if buf.B, err = frame.Append(buf.B, &frame.Fields{Type: frame.TypePublish, Topic: "a.b", Payload: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	return buf
}

// TestWritesInPartAllocateNothing holds that a subscriber whose socket is full again and
// again, and gets what was written in part and a stream frame each time, costs no memory.
func TestWritesInPartAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c, client := newTestConn(t, ready)
	publisher := c.s.b.Attach(bus.Identity{}, c, nil, 0)
	defer publisher.Close()
	for id := uint64(1); id <= 2; id++ { // by turns, so that each turn has a stream frame
		if _, _, err := c.session.Subscribe(id, bus.Subscription{Patterns: []string{"a.#"}}); err != nil {
			t.Fatal(err)
		}
	}
	buf := c.s.messages(t, 200, 2048)
	defer buf.Release(1)
	into, fd := make([]byte, 256<<10), int(client.Fd())
	want, parts := 0, 0
	round := func() {
		want += 2 * len(buf.B)
		c.fillPartly(t, publisher, buf)
		for c.blocked {
			parts++
			want -= readAll(t, fd, into)
			c.unblock()
		}
		want -= readAll(t, fd, into)
	}
	round() // the memory grows to what it needs
	if n := testing.AllocsPerRun(50, round); n != 0 {
		t.Errorf("%v allocations in each round", n)
	}
	if parts < 50 || want > 0 {
		t.Errorf("%d writes in part, and %d bytes are missing", parts, want)
	}
}

// TestMemoryOfWritesInPartIsBounded has many connections end while they have written in
// part.
func TestMemoryOfWritesInPartIsBounded(t *testing.T) {
	t.Parallel()
	var m partialMemory
	large := partialWrite{own: make([]byte, maxSpareOwn+1)}
	m.recycle(&large)
	if m.n != 0 {
		t.Error("large memory is kept")
	}
	sub := inFlight{n: 1}
	for range 2 * len(m.spares) {
		p := partialWrite{pieces: make([][]byte, 1, 8), items: []inFlight{sub}, refs: make([]reference, 1)}
		m.recycle(&p)
		if !p.empty() || cap(p.pieces) > 0 {
			t.Error("a connection keeps the memory of a write that has ended")
		}
	}
	if m.n != len(m.spares) {
		t.Errorf("%d are kept", m.n)
	}
	for range m.spares {
		if p := m.take(); !p.empty() || len(p.items) > 0 || len(p.refs) > 0 || cap(p.pieces) != 8 {
			t.Errorf("%+v", p)
		}
	}
	if p := m.take(); cap(p.pieces) != 0 || m.n != 0 {
		t.Errorf("%+v, %d left", p, m.n)
	}
}
