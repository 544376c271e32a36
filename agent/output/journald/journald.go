// Package journald is the sink that writes to the journal of systemd, in its native
// protocol. MESSAGE is a line for people, PRIORITY the severity of the level, and beside
// them stand DAEMONEYE_KIND, DAEMONEYE_ID, DAEMONEYE_TOPIC, DAEMONEYE_LEVEL and, for JSON,
// DAEMONEYE_JSON with the body:
//
//	journalctl SYSLOG_IDENTIFIER=daemoneye DAEMONEYE_LEVEL=high -o json
//
// What Send has counted as taken is with the journal's socket. The journal writes it to disk
// by its own SyncIntervalSec, and drops what exceeds its RateLimitBurst without an answer:
// neither is visible from here.
package journald

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/output"
	"github.com/daemoneye/eventbus/agent/output/format"
)

// Socket is where the journal listens.
const Socket = "/run/systemd/journal/socket"

// Options configure a Sink.
type Options struct {
	// Path is that of the socket; default Socket.
	Path string
	// JSON asks for the body beside the line.
	JSON bool
}

// Sink writes entries. One goroutine at a time.
type Sink struct {
	o    Options
	conn *net.UnixConn // nil while there is none
}

// New makes a Sink. Send connects.
func New(o Options) *Sink {
	if o.Path == "" {
		o.Path = Socket
	}
	return &Sink{o: o}
}

// Send implements output.Sink.
func (s *Sink) Send(ctx context.Context, items []output.Item) (taken int, err error) {
	if s.conn == nil {
		if s.conn, err = net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.o.Path, Net: "unixgram"}); err != nil {
			return 0, err
		}
	}
	conn := s.conn
	stop := context.AfterFunc(ctx, func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	for i := range items {
		if err := s.write(s.entry(&items[i])); err != nil {
			_ = s.Close() // the journal may have a new socket
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return i, err
		}
	}
	return len(items), nil
}

var priorities = map[alert.Level]int{alert.Critical: 2, alert.High: 3, alert.Medium: 4, alert.Low: 5}

var kinds = map[output.Kind]string{
	output.KindAlert: "alert", output.KindUpdate: "update", output.KindMessage: "message", output.KindNotice: "notice",
}

// entry returns the fields of one entry.
func (s *Sink) entry(it *output.Item) []byte {
	var b bytes.Buffer
	field := func(name, value string) {
		if value == "" {
			return
		}
		b.WriteString(name + "\n")
		_ = binary.Write(&b, binary.LittleEndian, uint64(len(value))) // a buffer
		b.WriteString(value + "\n")
	}
	priority, ok := priorities[it.Level]
	if !ok {
		priority = 6
	}
	field("PRIORITY", strconv.Itoa(priority))
	field("SYSLOG_IDENTIFIER", "daemoneye")
	field("MESSAGE", string(format.Text(it)))
	field("DAEMONEYE_KIND", kinds[it.Kind])
	field("DAEMONEYE_ID", it.ID)
	field("DAEMONEYE_TOPIC", it.Topic)
	if it.Level > 0 {
		field("DAEMONEYE_LEVEL", it.Level.String())
	}
	if s.o.JSON {
		field("DAEMONEYE_JSON", string(it.Body))
	}
	return b.Bytes()
}

// write sends one entry: as a datagram, or in a sealed file where it is too large for one.
func (s *Sink) write(b []byte) error {
	_, err := s.conn.Write(b)
	if !errors.Is(err, unix.EMSGSIZE) && !errors.Is(err, unix.ENOBUFS) {
		return err
	}
	fd, err := unix.MemfdCreate("daemoneye", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return fmt.Errorf("memfd: %w", err)
	}
	defer unix.Close(fd)
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err != nil {
			return fmt.Errorf("memfd: %w", err)
		}
		b = b[n:]
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL); err != nil {
		return fmt.Errorf("memfd: %w", err)
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	werr := raw.Write(func(to uintptr) bool {
		err = unix.Sendmsg(int(to), nil, unix.UnixRights(fd), nil, unix.MSG_NOSIGNAL)
		return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
	})
	return errors.Join(werr, err)
}

// Close implements output.Sink.
func (s *Sink) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}
