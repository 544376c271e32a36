package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// answerTimeout bounds the wait for the kernel's answer, which comes from inside of the
// request.
const answerTimeout = 2 // seconds

// diag asks the kernel for its sockets.
//
// One goroutine at a time.
type diag struct {
	fd  int
	buf []byte
}

// errChanged means that the list changed while it was read, so that some may be missing.
var errChanged = errors.New("sock_diag: the list changed while it was read")

func openDiag() (*diag, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerTimeout})
	if err == nil { // the socket refuses what another process sends to it
		err = unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("sock_diag", err)
	}
	return &diag{fd, make([]byte, 64<<10)}, nil
}

func (d *diag) close() { unix.Close(d.fd) }

// list calls see for each socket of the protocols that matters: connections and ports that
// are listened on. With errChanged all that was seen is right, and something may be missing.
func (d *diag) list(of protocols, see func(*socket)) error {
	const (
		tcp = 0xfff &^ (1<<stateTimeWait | 1<<stateSynSent | 1<<stateSynReceived | 1<<stateClose)
		udp = 1 << stateClose
	)
	changed := false
	for _, family := range [...]uint8{unix.AF_INET, unix.AF_INET6} {
		for _, x := range [...]struct {
			protocol uint8
			states   uint32
		}{{unix.IPPROTO_TCP, tcp}, {unix.IPPROTO_UDP, udp}} {
			if !slices.Contains(of, x.protocol) {
				continue
			}
			err := d.dump(appendRequest(nil, family, x.protocol, x.states), func(s *socket) {
				s.protocol = x.protocol
				see(s)
			})
			if errors.Is(err, errChanged) {
				changed = true
			} else if err != nil && !(family == unix.AF_INET6 && errors.Is(err, unix.ENOENT)) { // a kernel without version 6
				return err
			}
		}
	}
	if changed {
		return errChanged
	}
	return nil
}

// dump sends a request, and reads the answer to its end.
func (d *diag) dump(request []byte, see func(*socket)) error {
	if err := unix.Sendto(d.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	changed := false
	for {
		n, err := unix.Read(d.fd, d.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		for b := d.buf[:n]; len(b) > 0; {
			kind, flags, body, rest, err := nextMessage(b)
			if err != nil {
				return err
			}
			b = rest
			changed = changed || flags&unix.NLM_F_DUMP_INTR != 0
			switch kind {
			case unix.NLMSG_DONE:
				if changed {
					return errChanged
				}
				return nil
			case unix.NLMSG_ERROR:
				return answerError(body)
			case unix.SOCK_DIAG_BY_FAMILY:
				s, err := parseSocket(body)
				if err != nil {
					return err
				}
				see(&s)
			}
		}
	}
}

// answerError returns the error of a message of that kind.
func answerError(body []byte) error {
	if len(body) < 4 {
		return errMessage
	}
	errno := -int32(binary.NativeEndian.Uint32(body))
	return fmt.Errorf("sock_diag: %w", unix.Errno(errno))
}

// openEnds opens a socket to which the kernel sends a message for each socket that comes to
// its end.
func openEnds(receiveBuffer int) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "ends of sockets")
	// The second one is cut to net.core.rmem_max, the first one needs CAP_NET_ADMIN.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	groups := uint32(0)
	for _, g := range [...]uint{unix.SKNLGRP_INET_TCP_DESTROY, unix.SKNLGRP_INET_UDP_DESTROY, unix.SKNLGRP_INET6_TCP_DESTROY, unix.SKNLGRP_INET6_UDP_DESTROY} {
		groups |= 1 << (g - 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups})
	}
	if err == nil { // the socket refuses what another process sends to it
		err = unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err != nil {
		f.Close()
		return nil, os.NewSyscallError("ends of sockets", err)
	}
	return f, nil
}
