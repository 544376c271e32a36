package syslog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/secret"
)

// Options configure a Sink.
type Options struct {
	// Address is unix:/PATH, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT.
	Address string
	TLS     secret.TLS
	// Facility is its name, such as daemon.
	Facility string
	// Host and PID stand in each message.
	Host string
	PID  int
	// Line returns what stands in MSG.
	Line func(*output.Item) []byte
}

const (
	// maxDatagram is what fits into a datagram of UDP, with room for the headers.
	maxDatagram = 65000
	// maxUnread bounds what is kept of a connection for the case that it breaks.
	maxUnread = 1 << 20
)

// ErrAddress means that an address has none of the known forms.
var ErrAddress = errors.New("no address of syslog")

// Sink sends messages. One goroutine at a time.
type Sink struct {
	o      Options
	conn   *conn         // nil while there is none
	again  []string      // of a connection that broke: what may not have been read
	broken chan struct{} // capacity 1, see Broken
}

// New makes a Sink. Send connects.
func New(o Options) *Sink { return &Sink{o: o, broken: make(chan struct{}, 1)} }

// Broken implements output.Resender: what the receiver may not have read is to be sent
// again.
func (s *Sink) Broken() <-chan struct{} { return s.broken }

// Send implements output.Sink.
func (s *Sink) Send(ctx context.Context, items []output.Item) (taken int, err error) {
	if err := s.connect(ctx); err != nil {
		return 0, err
	}
	texts := slices.Clone(s.again)
	for i := range items {
		texts = append(texts, s.encode(&items[i], s.conn.limit))
	}
	for i, text := range texts {
		switch err := s.conn.write(ctx, text); {
		case errors.Is(err, unix.EMSGSIZE):
			return i, &output.RefusedError{Reason: fmt.Sprintf("%d bytes are more than a datagram may have here", len(text))}
		case err != nil && s.conn.stream:
			return 0, s.fail(err)
		case err != nil:
			return i, s.fail(err)
		}
	}
	if err := s.conn.settle(ctx); err != nil {
		return 0, s.fail(err)
	}
	s.conn.keep(texts)
	s.again = nil
	return len(items), nil
}

// fail closes a connection that broke, and keeps what may not have been read of it.
func (s *Sink) fail(err error) error {
	s.close()
	return fmt.Errorf("%s: %w", s.o.Address, err)
}

func (s *Sink) close() {
	if s.conn != nil {
		s.again = append(s.conn.close(), s.again...)
		s.conn = nil
	}
}

// connect connects, unless the connection is there and has not ended.
func (s *Sink) connect(ctx context.Context) error {
	if s.conn != nil {
		if err := s.conn.ended(); err == nil {
			return nil
		}
		s.close()
	}
	kind, rest, _ := strings.Cut(s.o.Address, ":")
	rest = strings.TrimPrefix(rest, "//")
	var err error
	switch kind {
	case "unix":
		s.conn, err = dial(ctx, "unixgram", rest, nil, s.broken)
		if errors.Is(err, unix.EPROTOTYPE) {
			s.conn, err = dial(ctx, "unix", rest, nil, s.broken)
		}
	case "udp", "tcp":
		s.conn, err = dial(ctx, kind, rest, nil, s.broken)
	case "tls":
		s.conn, err = dial(ctx, "tcp", rest, &s.o.TLS, s.broken)
	default:
		err = ErrAddress
	}
	if err != nil {
		s.conn = nil
		return fmt.Errorf("%s: %w", s.o.Address, err)
	}
	return nil
}

// Close implements output.Sink.
func (s *Sink) Close() error {
	s.close()
	return nil
}
