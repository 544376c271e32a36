package process

import "github.com/daemoneye/eventbus/agent/collector/process/internal/connector"

// connection is a connection to the process connector, as a feed.
type connection struct{ *connector.Conn }

// openConnector opens the process connector.
func openConnector(o *Options) (feed, error) {
	c, err := connector.Dial(o.Host.Root, o.ReceiveBuffer)
	if err != nil {
		return nil, err
	}
	return connection{c}, nil
}

func (c connection) close() { c.Close() }
