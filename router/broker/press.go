package broker

import "github.com/daemoneye/eventbus/frame"

// One turn may bring more messages than a queue holds. A subscriber that keeps up must not
// lose any because of that. So the routing thread routes messages in bursts that are small
// compared with the queues (step). If one of a session's queues has no room for another
// burst, the session is marked as pressed. Routing itself never writes to a socket. It
// returns to its caller, which writes pressed sessions out before it routes more.

// step is how many messages one burst may bring to a queue of that capacity. The same number
// of slots should be free for the next burst.
func step(capacity int) int { return min(burstLength, max(1, capacity/4)) }

// press marks p to be written out before more is routed. In-process clients are not marked,
// because their consumers run on other goroutines.
func (p *Session) press() {
	if !p.isPressed && !p.local && !p.closed {
		p.isPressed = true
		p.b.pressed = append(p.b.pressed, p)
	}
}

// disconnect marks p to be disconnected, with a code and a text. drainPressed calls its sink
// when routing has returned.
func (p *Session) disconnect(code frame.Code, text string) {
	if p.ending == nil {
		p.ending = &ending{code, text}
		p.press()
	}
}

// ending is why a session is to be disconnected.
type ending struct {
	code frame.Code
	text string
}

// drainPressed writes out the pressed sessions, and disconnects those that are marked for
// that.
func (b *Broker) drainPressed() {
	for i := 0; i < len(b.pressed); i++ {
		p := b.pressed[i]
		b.pressed[i] = nil
		p.isPressed = false
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
	b.pressed = b.pressed[:0]
}
