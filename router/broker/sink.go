package broker

import (
	"slices"
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

// inputs are those of all clients in this process.
type inputs struct {
	all   []Input
	first int // in this turn
}

// take routes what the clients have sent. Another one is first each time.
func (x *inputs) take() (worked bool) {
	n := len(x.all)
	for i := range n {
		worked = x.all[(x.first+i)%n].Take() || worked
	}
	if worked {
		x.first = (x.first + 1) % n
	}
	return worked
}

// waiting reports whether a client has sent something.
func (x *inputs) waiting() bool {
	return slices.ContainsFunc(x.all, func(in Input) bool { return in.Waiting() > 0 })
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

// One turn may bring more messages than a queue holds. A subscriber that keeps up must not
// lose any because of that. So the routing thread routes messages in bursts that are small
// compared with the queues (routes.Step). If one of a session's queues has no room for
// another burst, the session is listed to be written first. Routing itself never writes to a
// socket. It returns to its caller, which writes such sessions out before it routes more.

// MustWriteFirst reports whether Handle has left sessions that are to be written out before
// it is called again; WriteFirst does that. Routing thread only.
func (b *Broker) MustWriteFirst() bool { return len(b.writeFirst) > 0 }

// WriteFirst has the sinks of these sessions write, or disconnect those that are marked for
// that. Routing thread only.
func (b *Broker) WriteFirst() {
	for i := 0; i < len(b.writeFirst); i++ {
		p := b.writeFirst[i]
		b.writeFirst[i] = nil
		p.inWriteFirst = false
		if p.closed {
			continue
		}
		if e := p.ending; e != nil && !p.disconnected {
			p.disconnected = true
			p.sink.Disconnect(e.code, e.text)
			continue
		}
		p.sink.Drain(p)
	}
	b.writeFirst = b.writeFirst[:0]
}

// write has the sinks of all sessions with something queued write it.
func (b *Broker) write() {
	b.WriteFirst()
	for i, p := range b.later {
		b.later[i] = nil
		p.isLater = false
		if !p.closed {
			p.RequestWrite()
		}
	}
	b.later = b.later[:0]
	for i := 0; i < len(b.writeList); i++ {
		p := b.writeList[i]
		b.writeList[i] = nil
		p.inWriteList = false
		if !p.closed {
			p.sink.Drain(p)
		}
	}
	b.writeList = b.writeList[:0]
}
