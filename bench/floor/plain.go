package floor

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// Plain is the two-hop relay as Go programs usually have it: a goroutine a
// connection, net.Conn and a lock. With single it writes once a message.
func Plain(single bool) e2e.System {
	name, colour := "relay-plain", report.Orange
	if single {
		name, colour = "relay-single", report.Purple
	}
	return relay(name, colour, single, func(ctx context.Context, c e2e.Config, ready func()) error {
		l, err := net.Listen("unix", c.Socket())
		if err != nil {
			return err
		}
		return (&plainRelay{single: single}).serve(ctx, l, ready)
	})
}

type plainRelay struct {
	single bool

	mu          sync.RWMutex
	conns       []net.Conn         // guarded by mu; all, to be closed at the end
	subscribers []*plainSubscriber // guarded by mu
}

type plainSubscriber struct {
	mu   sync.Mutex // hold while writing, so that two publishers do not mix their messages
	conn net.Conn
}

func (r *plainRelay) serve(ctx context.Context, l net.Listener, ready func()) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer context.AfterFunc(ctx, func() {
		l.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.conns {
			c.Close()
		}
	})()
	ready()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		r.mu.Lock()
		r.conns = append(r.conns, conn)
		closing := ctx.Err() != nil
		r.mu.Unlock()
		if closing { // it has come after the others were closed
			conn.Close()
			return nil
		}
		running.Go(func() { r.handle(conn) })
	}
}

// handle serves one connection until it ends. An error is the end of the connection:
// the measurement sees what is missing.
func (r *plainRelay) handle(conn net.Conn) {
	var hello [1]byte
	if _, err := io.ReadFull(conn, hello[:]); err != nil {
		conn.Close()
		return
	}
	if hello[0] == helloSubscriber {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.subscribers = append(r.subscribers, &plainSubscriber{conn: conn})
		_, _ = conn.Write(hello[:]) // who is gone already gets nothing
		return
	}
	defer conn.Close()
	buf := make([]byte, batchSize)
	have := 0
	for {
		n, err := conn.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		end, err := whole(buf[:have])
		if err != nil {
			return
		}
		r.forward(buf[:end])
		have = copy(buf, buf[end:have])
	}
}

// forward writes whole messages to every subscriber. One that has gone gets nothing:
// that is no reason to stop serving the others.
func (r *plainRelay) forward(b []byte) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, s := range r.subscribers {
		_ = s.write(b, r.single)
	}
}

func (s *plainSubscriber) write(b []byte, single bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(b) > 0 {
		piece := b
		if single {
			piece = b[:lengthSize+int(binary.LittleEndian.Uint32(b))]
		}
		if _, err := s.conn.Write(piece); err != nil {
			return err
		}
		b = b[len(piece):]
	}
	return nil
}
