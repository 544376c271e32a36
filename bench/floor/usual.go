package floor

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"

	"github.com/daemoneye/eventbus/bench/e2e"
	"github.com/daemoneye/eventbus/bench/report"
)

// Usual is the plain relay with clients that are usual too: net.Conn and bufio, on
// Go's netpoller. What it has above Plain is the price of being woken through the
// netpoller at both ends.
func Usual() e2e.System {
	s := Plain(false)
	s.Name, s.Colour = "relay-usual", report.Green
	s.Publisher = usualPublisher
	s.Subscriber = usualSubscriber
	return s
}

type usualSender struct {
	conn net.Conn
	w    *bufio.Writer
}

func usualPublisher(ctx context.Context, c e2e.Config) (e2e.Publisher, error) {
	conn, err := usualDial(ctx, c, helloPublisher)
	if err != nil {
		return nil, err
	}
	return &usualSender{conn: conn, w: bufio.NewWriterSize(conn, batchSize)}, nil
}

func usualDial(ctx context.Context, c e2e.Config, hello byte) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", c.Socket())
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{hello}); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// Send implements load.Sender.
func (s *usualSender) Send(payload []byte) error {
	var length [lengthSize]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(payload)))
	_, _ = s.w.Write(length[:]) // a bufio.Writer keeps its first error
	_, err := s.w.Write(payload)
	return err
}

// Flush implements load.Sender.
func (s *usualSender) Flush() error { return s.w.Flush() }

// Close implements io.Closer.
func (s *usualSender) Close() error { return s.conn.Close() }

func usualSubscriber(ctx context.Context, c e2e.Config, ready func(), sink e2e.Sink) error {
	conn, err := usualDial(ctx, c, helloSubscriber)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	r := bufio.NewReaderSize(conn, readSize)
	if _, err := r.ReadByte(); err != nil { // the relay's answer
		return err
	}
	ready()
	var length [lengthSize]byte
	var payload []byte
	for {
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return endOf(ctx, err)
		}
		if n := int(binary.LittleEndian.Uint32(length[:])); n > cap(payload) {
			payload = make([]byte, n)
		} else {
			payload = payload[:n]
		}
		if _, err := io.ReadFull(r, payload); err != nil {
			return endOf(ctx, err)
		}
		sink.Receive(payload)
	}
}

// endOf returns nil for an error that is only the end of the stream.
func endOf(ctx context.Context, err error) error {
	if err == io.EOF || ctx.Err() != nil {
		return nil
	}
	return err
}
