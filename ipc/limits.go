package ipc

import (
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/ipc/internal/server"
	"github.com/daemoneye/eventbus/router/broker"
)

// Limits are those Options of a server that may change while it runs.
type Limits struct {
	MaxConnections    int
	ConnectionTimeout time.Duration
	Heartbeat         time.Duration
	PublishRate       int
	DrainTimeout      time.Duration
}

// LiveLimits changes the limits of the server whose Options have it. The zero LiveLimits is ready
// for use. Safe for concurrent use.
type LiveLimits struct{ next atomic.Pointer[server.Limits] }

// Set puts x in force, all of it, or nothing with an error. Zero values are the defaults
// of Options. The server takes it up with its next turn, within about a second. A client
// that is connected stays, and keeps its Heartbeat and its PublishRate; the other limits
// hold for it as well.
func (l *LiveLimits) Set(x Limits) error {
	o := Options{
		MaxConnections: x.MaxConnections, ConnectionTimeout: x.ConnectionTimeout, Heartbeat: x.Heartbeat, PublishRate: x.PublishRate, DrainTimeout: x.DrainTimeout,
	}
	o.setDefaults()
	if err := o.check(); err != nil {
		return err
	}
	l.next.Store(o.limits())
	return nil
}

func (o *Options) limits() *server.Limits {
	return &server.Limits{
		MaxConnections: o.MaxConnections, ConnectionTimeout: o.ConnectionTimeout, Heartbeat: max(o.Heartbeat, broker.Tick),
		PublishRate: o.PublishRate, DrainTimeout: o.DrainTimeout,
	}
}
