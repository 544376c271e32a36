// Package systemd reports to a service manager how its service is, by the protocol of
// sd_notify(3) and sd_watchdog_enabled(3). Other service managers speak it as well.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// The variables of the protocol.
const (
	socketVariable   = "NOTIFY_SOCKET"
	watchdogVariable = "WATCHDOG_USEC"
	watchdogPID      = "WATCHDOG_PID"
)

// patience bounds how long a message may take when the service manager does not read.
const patience = time.Second

// Notifier sends messages to the service manager. A nil Notifier is without one: all
// its methods do nothing.
//
// Safe for concurrent use.
type Notifier struct {
	addr     net.UnixAddr
	watchdog time.Duration
}

// New returns the notifier of the service manager that started this process, nil where
// none did. It removes the variables of the protocol from the environment, because
// programs that this one starts are not the service.
func New() (*Notifier, error) {
	path, usec, pid := os.Getenv(socketVariable), os.Getenv(watchdogVariable), os.Getenv(watchdogPID)
	for _, name := range []string{socketVariable, watchdogVariable, watchdogPID} {
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	if path == "" {
		return nil, nil
	}
	if len(path) < 2 || path[0] != '/' && path[0] != '@' {
		return nil, fmt.Errorf("systemd: %s is %q, want the path of a socket or @ and its abstract name", socketVariable, path)
	}
	n := &Notifier{addr: net.UnixAddr{Net: "unixgram", Name: path}}
	if usec == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return n, nil
	}
	us, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || us <= 0 || us > int64(time.Hour*24*365/time.Microsecond) {
		return n, fmt.Errorf("systemd: %s is %q, want microseconds", watchdogVariable, usec)
	}
	n.watchdog = time.Duration(us) * time.Microsecond
	return n, nil
}

// Watchdog returns how long the service manager waits for Alive before it restarts the
// service; 0 is for ever.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Ready reports that the start or a reload is complete. status is one line for people.
func (n *Notifier) Ready(status string) error { return n.send("READY=1", "STATUS="+line(status)) }

// Reloading reports that a reload begins. Ready ends it.
func (n *Notifier) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return os.NewSyscallError("clock_gettime", err)
	}
	return n.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(now.Nano()/1000, 10))
}

// Stopping reports that the service ends.
func (n *Notifier) Stopping() error { return n.send("STOPPING=1", "STATUS=shutting down") }

// Status reports one line for people.
func (n *Notifier) Status(status string) error { return n.send("STATUS=" + line(status)) }

// Alive reports that the service makes progress.
func (n *Notifier) Alive() error { return n.send("WATCHDOG=1") }

// line makes one line of text, because a line is a field of the protocol.
func line(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// send sends fields in one message.
func (n *Notifier) send(fields ...string) (err error) {
	if n == nil {
		return nil
	}
	c, err := net.DialUnix(n.addr.Net, nil, &n.addr)
	if err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write([]byte(strings.Join(fields, "\n"))); err != nil {
		return fmt.Errorf("systemd: %w", err)
	}
	return nil
}
