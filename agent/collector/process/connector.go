package process

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/daemoneye/eventbus/agent/collector/clock"
)

// openConnector opens the process connector.
func openConnector(o *Options) (feed, error) {
	ahead, err := clock.ReadAhead(o.Host.Root)
	if err != nil {
		return nil, err
	}
	c, err := dial(o.ReceiveBuffer)
	if err != nil {
		return nil, err // not c: a nil *conn is a feed
	}
	c.ahead = ahead
	return c, nil
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

func (c *conn) close() { c.Close() }
