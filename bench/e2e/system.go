package e2e

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"github.com/daemoneye/eventbus/bench/load"
	"github.com/daemoneye/eventbus/bench/proc"
	"github.com/daemoneye/eventbus/bench/report"
)

// System is one way to move messages between processes. Each function runs in a
// process of its own.
type System struct {
	Name  string
	Floor bool // true: something to compare with, not what is examined

	// Colour is that of the system in every figure.
	Colour report.Colour

	// Program is where the system's roles are: the same functions. Empty is the program
	// that measures.
	Program proc.Program

	// Foreign means that Program is of another commit, so Connect of the program that
	// measures may not be able to connect to its broker.
	Foreign bool

	// Broker serves at Config.Socket until ctx ends, and calls ready once it accepts
	// connections. Nil where publishers and subscribers need nobody between them.
	Broker func(ctx context.Context, c Config, ready func()) error

	// Publisher connects. Closing what it returns disconnects.
	Publisher func(ctx context.Context, c Config) (Publisher, error)

	// Subscriber connects, calls ready once every message that is sent from then on
	// will reach it, and hands each one to sink, from one goroutine at a time. It
	// returns nil when the stream has ended, and soon after ctx has.
	Subscriber func(ctx context.Context, c Config, ready func(), sink Sink) error

	// Connect makes a connection that stays idle, for measuring what one costs. Nil
	// where there is no broker to connect to.
	Connect func(ctx context.Context, c Config) (io.Closer, error)
}

// Publisher is a connected sender.
type Publisher interface {
	load.Sender
	io.Closer
}

// Sink takes what a subscriber gets; a *load.Receiver is one.
type Sink interface {
	// Receive takes one message, whose bytes are not kept.
	Receive(payload []byte)
	// Lost notes that the system has announced the loss of n messages.
	Lost(n uint64)
}

// Config is what the parts of a system are started with.
type Config struct {
	Dir         string `json:"dir"`         // a directory of this run, for sockets and files
	Index       int    `json:"index"`       // which of the publishers or subscribers this is, from 0
	Publishers  int    `json:"publishers"`  // how many there are
	Subscribers int    `json:"subscribers"` // how many there are; each gets every message
	Size        int    `json:"size"`        // bytes of a message
	// Window is the most messages that are on their way to one subscriber, so a queue of
	// that many loses none; 0 is no bound.
	Window int `json:"window"`
	// Budget is the latency that the system may spend on larger batches; 0 is none.
	Budget time.Duration `json:"budget"`
}

// Socket is where the broker listens.
func (c Config) Socket() string { return c.Path("bus.sock") }

// Path returns a path in the directory of this run.
func (c Config) Path(name string) string { return filepath.Join(c.Dir, name) }
