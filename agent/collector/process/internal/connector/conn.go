package connector

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/clock"
	"github.com/daemoneye/eventbus/agent/collector/process/internal/report"
)

// Conn is a socket that the process connector sends its reports to.
//
// One goroutine receives; Close may be called by another.
type Conn struct {
	file *os.File
	raw  syscall.RawConn
	port uint32

	ahead clock.Ahead // our clocks, of those in the reports
	waits atomic.Bool // the receiver found nothing, and has not looked again
}

// ErrNoAnswer means that the connector did not acknowledge the request. It is
// silent towards whoever is outside of the first pid or user namespace.
var ErrNoAnswer = errors.New("no answer from the process connector")

// answerTimeout bounds the wait for the acknowledgement, which the kernel sends
// from inside of the request.
const answerTimeout = 250 * time.Millisecond

// answerBytes is how much is received at once until then.
const answerBytes = 16 << 10

// Dial asks the connector to report, and returns once it has agreed. From then
// on the kernel keeps reports until they are received, as far as receiveBuffer
// bytes go. It fails with EPERM where the kernel wants CAP_NET_ADMIN. The clocks are
// those of the procfs at root.
func Dial(root string, receiveBuffer int) (*Conn, error) {
	ahead, err := clock.ReadAhead(root)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	c := &Conn{file: os.NewFile(uintptr(fd), "process connector"), ahead: ahead}
	if err := c.open(fd, receiveBuffer); err != nil {
		c.file.Close()
		return nil, err
	}
	return c, nil
}

// Ahead returns how far our clocks are ahead of those in the reports.
func (c *Conn) Ahead() clock.Ahead { return c.ahead }

func (c *Conn) open(fd, receiveBuffer int) (err error) {
	// The second one is cut to net.core.rmem_max, the first one needs CAP_NET_ADMIN.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: connectorProc}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	// Connected to the kernel, the socket refuses what another process sends to
	// it alone. What one sends to the whole group, receive lets go.
	if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("connect", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	if nl, ok := name.(*unix.SockaddrNetlink); ok {
		c.port = nl.Pid
	}
	if c.raw, err = c.file.SyscallConn(); err != nil {
		return err
	}
	if err := c.request(requestListen); err != nil {
		return err
	}
	return c.awaitAnswer()
}

func (c *Conn) request(op uint32) error {
	b := appendRequest(nil, op, c.port)
	_, err := c.file.Write(b)
	return err
}

// awaitAnswer receives until the acknowledgement of our request. The reports
// before it are let go: whoever asked has not looked at /proc yet.
func (c *Conn) awaitAnswer() error {
	if err := c.file.SetReadDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	b := make([]byte, answerBytes)
	for {
		n, _, err := c.Fill(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ErrNoAnswer
		} else if err != nil {
			return err
		}
		for rest := b[:n]; len(rest) > 0; {
			var r Message
			var err error
			if r, rest, err = Next(rest); err != nil {
				break
			}
			if r.Kind != report.Ack || r.ack != c.port+1 {
				continue
			}
			if r.Value != 0 {
				return fmt.Errorf("process connector: %w", syscall.Errno(r.Value))
			}
			return c.file.SetReadDeadline(time.Time{})
		}
	}
}

// Fill implements receive.Source: b gets as many messages as have arrived, one behind the
// other.
func (c *Conn) Fill(b []byte) (n int, overrun bool, err error) {
	var failed error
	err = c.raw.Read(func(fd uintptr) (done bool) {
		c.waits.Store(false)
		for len(b)-n >= maxMessage {
			size, port, err := receiveFrom(fd, b[n:])
			switch err {
			case 0:
				if port == kernelPort {
					n += size
				}
			case unix.EINTR:
			case unix.ENOBUFS:
				// The kernel found our buffer full. It reports it once, ahead of
				// what still is in it.
				overrun = true
			case unix.EAGAIN:
				c.waits.Store(n == 0 && !overrun)
				return n > 0 || overrun
			default:
				failed = os.NewSyscallError("recvfrom", err)
				return true
			}
		}
		return true
	})
	if err == nil {
		err = failed
	}
	return n, overrun, err
}

// EmptyAt returns a time up to which everything that the kernel reported has been given
// out by Fill, and false where something may be on its way. It is for another goroutine
// than that which receives.
func (c *Conn) EmptyAt() (monoNs int64, ok bool) {
	now := clock.Mono()
	if !c.waits.Load() {
		return 0, false
	}
	empty := false
	if c.raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		empty = n == 0 && err == nil
	}) != nil {
		return 0, false
	}
	return now, empty && c.waits.Load()
}

// SetReadDeadline implements receive.Source.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.file.SetReadDeadline(t) }

// kernelPort is the address of the kernel, which no process can have.
const kernelPort = 0

// receiveFrom receives a message and the address that sent it. unix.Recvfrom does
// too, but allocates for it.
func receiveFrom(fd uintptr, b []byte) (n int, port uint32, err unix.Errno) {
	var from unix.RawSockaddrNetlink
	size := uint32(unsafe.Sizeof(from))
	r, _, err := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)))
	return int(r), from.Pid, err
}

// Close ends the reports and the socket. Kernels before 6.6 keep counting a
// listener that does not take its leave.
func (c *Conn) Close() error {
	_ = c.request(requestIgnore)
	return c.file.Close()
}

// Unavailable returns why the connector cannot be used.
func Unavailable(err error) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		return "no CAP_NET_ADMIN"
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.ECONNREFUSED):
		return "no process connector in this kernel or network namespace"
	case errors.Is(err, ErrNoAnswer):
		return "no process connector outside of the first pid and user namespace"
	}
	return err.Error()
}
