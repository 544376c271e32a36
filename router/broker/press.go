package broker

import "github.com/daemoneye/eventbus/frame"

// A turn may well bring more than a queue holds, and a subscriber that keeps up must
// not lose by that. So messages are routed in bursts that are small beside the queues
// that they go to (step), and a session in one of whose queues not another burst fits
// is pressed. Routing never writes: it returns to its caller, which writes pressed
// sessions out before it has anything more routed.

// step is how many messages one burst may bring to a queue of that capacity, and how
// much room there should be for the next.
func step(capacity int) int { return min(burstLength, max(1, capacity/4)) }

// press has p written out before anything more is routed. In-process consumers take
// from their queues by themselves.
func (p *Session) press() {
	if !p.isPressed && !p.local && !p.closed {
		p.isPressed = true
		p.b.pressed = append(p.b.pressed, p)
	}
}

// disconnect ends p soon, for the reason given: its sink learns it when routing has
// come to an end.
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

// drainPressed writes out the sessions that are pressed, and ends those that are to
// be disconnected.
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
