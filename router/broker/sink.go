package broker

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// Driver brings the outside to the routing thread: package ipc's polls sockets.
// Poll is called on the routing thread, Wake on any goroutine.
type Driver interface {
	// Poll handles what has come in. When there is nothing it waits for at most
	// wait, or until Wake; 0 does not wait. It reports whether there was
	// anything.
	Poll(wait time.Duration) (worked bool, err error)
	// Wake makes the Poll that waits, or else the next one, return.
	Wake()
	// Pause sleeps for d, whatever comes in.
	Pause(d time.Duration)
	// Finish is called once, when the broker ends: the driver takes nothing in
	// any more, and writes out what is queued as long as it sees fit.
	Finish()
}

// Tick is how often the routing thread looks at its timers while it has sessions.
const Tick = time.Second

// Sink is the far end of a session. Its methods are called on the routing thread,
// between two frames and never while a message is being routed. They must not block,
// and must not call Session.Close: a sink that fails ends its session between two
// turns.
type Sink interface {
	// Drain takes what the session's queues hold, as far as it goes without waiting;
	// see Session.Queued and Session.Settle. It is not called after Session.Close. A
	// sink whose consumers run on goroutines of their own takes nothing.
	Drain(p *Session)
	// Disconnect ends the session soon, for the reason given. It is called once.
	Disconnect(code frame.Code, text string)
	// Tick is called about once a Tick.
	Tick(now int64)
}
