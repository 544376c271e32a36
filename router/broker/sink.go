package broker

import (
	"time"

	"github.com/daemoneye/eventbus/frame"
)

// Driver does input and output for the routing thread. Package ipc's driver polls sockets.
// The routing thread calls Poll, Pause and Finish; any goroutine may call Wake.
type Driver interface {
	// Poll handles input. If there is none, it waits for at most wait, or until Wake; 0
	// does not wait. It reports whether there was input.
	Poll(wait time.Duration) (worked bool, err error)
	// Wake makes the waiting Poll, or else the next one, return.
	Wake()
	// Pause sleeps for d, even if there is input.
	Pause(d time.Duration)
	// Finish is called once, when the broker ends. The driver reads no more input and
	// writes out what is queued. It decides how long it tries.
	Finish()
}

// Input is where frames wait that a client in this process has sent. The routing thread
// calls its methods. What is pushed must wake the thread, see Broker.Signal.
type Input interface {
	// Take routes frames through Session.Handle, about a turn's work at most. It reports
	// whether there were any, or are more.
	Take() (worked bool)
	// Waiting returns how many frames were sent and not routed.
	Waiting() int
}

// Tick is how often the routing thread checks its timers while it has sessions.
const Tick = time.Second

// Sink writes a session's messages to its client. The routing thread calls its methods
// between two frames, and never while a message is being routed. They must not block, and
// must not call Session.Close: a sink that fails ends its session between two turns.
type Sink interface {
	// Drain dequeues the session's messages and writes as many as it can without waiting;
	// see Session.Queued and Session.Settle. It is not called after Session.Close. If the
	// consumers run on goroutines of their own, it dequeues nothing.
	Drain(p *Session)
	// Disconnect ends the session soon, with that code and text. It is called once.
	Disconnect(code frame.Code, text string)
	// Tick is called about once a Tick.
	Tick(now int64)
}
