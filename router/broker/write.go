package broker

// One turn may bring more messages than a queue holds. A subscriber that keeps up must not
// lose any because of that. So the routing thread routes messages in bursts that are small
// compared with the queues (routes.Step). If one of a session's queues has no room for
// another burst, the session is marked as pressed. Routing itself never writes to a socket.
// It returns to its caller, which writes pressed sessions out before it routes more.

// Pressed reports whether Handle has left sessions that are to be written out before
// it is called again; DrainPressed does that. Routing thread only.
func (b *Broker) Pressed() bool { return len(b.pressed) > 0 }

// DrainPressed has the sinks of the pressed sessions write, or disconnect those that are
// marked for that. Routing thread only.
func (b *Broker) DrainPressed() {
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

// write has the sinks of all sessions with something queued write it.
func (b *Broker) write() {
	b.DrainPressed()
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
