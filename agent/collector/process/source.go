package process

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Mode chooses the source of process events.
type Mode string

// The modes.
const (
	ModeAuto    Mode = "auto"    // the connector where it is permitted, polling otherwise; the default
	ModeNetlink Mode = "netlink" // the connector or nothing
	ModePoll    Mode = "poll"    // polling
)

// ErrUnavailable says that the kernel does not let us have its process events
// here. Polling works all the same.
var ErrUnavailable = errors.New("the kernel's process events are not available")

// source is the outcome of choosing.
type source struct {
	conn     *conn // nil for polling
	describe string
}

// choose opens the source that mode asks for. It fails only where mode leaves no
// choice.
func choose(mode Mode, interval time.Duration, receiveBuffer int) (source, error) {
	polling := func(why string) source {
		return source{describe: fmt.Sprintf("procfs polling every %d ms (%s: short-lived processes are missed)", interval.Milliseconds(), why)}
	}
	if mode == ModePoll {
		return polling("as configured"), nil
	}
	c, err := dial(receiveBuffer)
	switch {
	case err == nil:
		return source{conn: c, describe: "kernel process events (netlink process connector), details from procfs"}, nil
	case mode == ModeNetlink:
		return source{}, fmt.Errorf("process: mode netlink: %w: %s: %w", ErrUnavailable, unavailable(err), err)
	}
	return polling(unavailable(err)), nil
}

// unavailable says why the connector cannot be used.
func unavailable(err error) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		return "no CAP_NET_ADMIN"
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.ECONNREFUSED):
		return "no process connector in this kernel or network namespace"
	case errors.Is(err, errNoAnswer):
		return "no process connector outside of the first pid and user namespace"
	}
	return err.Error()
}
