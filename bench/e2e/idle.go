package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
)

// Footprint is what a broker costs that has nothing to do.
type Footprint struct {
	// Start is the time from starting the process to the first connection that it
	// takes; that of a foreign Program ends when it reports that it takes them.
	Start       time.Duration
	RSS         int64 // resident bytes without connections
	Connections int
	RSSWith     int64   // resident bytes with that many idle connections
	Cores       float64 // CPU with those connections, as a share of one core
	Crowded     bool    // others had too much of the machine, which makes the start longer
}

// PerConnection returns the resident bytes that one idle connection adds.
func (f Footprint) PerConnection() int64 {
	if f.Connections == 0 {
		return 0
	}
	return (f.RSSWith - f.RSS) / int64(f.Connections)
}

// errNoBroker is returned for systems whose broker nobody can connect to.
var errNoBroker = errors.New("e2e: the system has no broker")

// Idle starts a broker, measures how long that takes, and then what a number of idle
// connections cost. The connections are held by a process of their own, for the
// measured time.
func Idle(ctx context.Context, s System, connections int, measured time.Duration) (f Footprint, err error) {
	f = Footprint{Connections: connections}
	if s.Broker == nil || s.Connect == nil {
		return f, errNoBroker
	}
	ctx, cancel := context.WithTimeoutCause(ctx, measured+slack, errHangs)
	defer cancel()
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)

	o := order{Config: Config{Dir: dir, Publishers: 1, Subscribers: 1}, Idle: connections}
	watch := proc.StartWatch()
	started := time.Now()
	broker, err := s.Program.Start(ctx, roleName(partBroker, s.Name), o)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, broker.Stop()) }()
	if err := s.accepts(ctx, broker, o); err != nil {
		return f, err
	}
	f.Start = time.Since(started)
	if !s.Foreign {
		err = broker.Ready(ctx, nil)
	} else {
		err = s.visit(ctx, o)
	}
	if err != nil {
		return f, err
	}
	if f.RSS, err = proc.ReadRSS(broker.Pid()); err != nil {
		return f, err
	}
	crowd, err := begin(ctx, s, partIdle, o)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, crowd.Stop()) }()
	if err := broker.Go(load.NewSpan(0, 0, measured)); err != nil {
		return f, err
	}
	var report brokerReport
	if err := broker.Result(ctx, &report); err != nil {
		return f, err
	}
	f.RSSWith, f.Cores = report.Usage.RSS, report.Usage.Cores()
	var spent time.Duration
	for _, p := range []*proc.Process{broker, crowd} {
		cpu, err := proc.ReadCPU(p.Pid())
		if err != nil {
			return f, err
		}
		spent += cpu
	}
	share, known := watch.Stop().Others(spent)
	f.Crowded = known && share > CrowdedFrom
	return f, nil
}

// accepts waits until the broker takes connections. This program's client may not be
// able to connect to the broker of a foreign one, so that program reports it.
func (s System) accepts(ctx context.Context, broker *proc.Process, o order) error {
	if s.Foreign {
		return broker.Ready(ctx, nil)
	}
	return firstConnection(ctx, s, o.Config)
}

// visit connects once and leaves: the broker's first connection costs it more than each
// later one does.
func (s System) visit(ctx context.Context, o order) error {
	o.Idle = 1
	p, err := begin(ctx, s, partIdle, o)
	if err != nil {
		return err
	}
	return p.Stop()
}

// firstConnection tries until the broker takes a connection.
func firstConnection(ctx context.Context, s System, c Config) error {
	for {
		conn, err := s.Connect(ctx, c)
		if err == nil {
			return conn.Close()
		}
		if load.SleepUntil(ctx, load.Now()+int64(100*time.Microsecond)) != nil {
			return fmt.Errorf("e2e: %s takes no connection: %w", s.Name, err)
		}
	}
}

// runIdle holds connections until its parent ends it.
func (s System) runIdle(ctx context.Context, c *proc.Control) error {
	var o order
	if err := c.Args(ctx, &o); err != nil {
		return err
	}
	for range o.Idle {
		conn, err := s.Connect(ctx, o.Config)
		if err != nil {
			return err
		}
		defer conn.Close()
	}
	if err := c.Ready(nil); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
