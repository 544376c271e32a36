package router

// say appends a frame of the broker's own to the control buffer and returns it
// as an item that carries one reference.
func (b *Broker) say(build func(dst []byte) []byte) Item {
	const size, keep = 16 << 10, 4 << 10
	if b.ctl == nil || size-b.ctlLen < keep {
		if b.ctl != nil {
			b.ctl.Release(1)
		}
		b.ctl, b.ctlLen = b.pool.Get(size), 0
		b.ctl.B = b.ctl.B[:size]
	}
	buf, off := b.ctl, b.ctlLen
	// Built with no capacity beyond the buffer: what does not fit moves to
	// memory of its own, and from there to a buffer that is large enough.
	out := build(buf.B[off:off:size])
	if len(out) > size-off {
		big := b.pool.Get(len(out))
		big.B = append(big.B[:0], out...)
		return Item{Buf: big, Len: uint32(len(big.B))}
	}
	if len(out) > 0 && &out[0] != &buf.B[off] {
		copy(buf.B[off:], out)
	}
	b.ctlLen += len(out)
	buf.Retain(1)
	return Item{Buf: buf, Off: uint32(off), Len: uint32(len(out))}
}

// tell puts a frame of the broker's own into p's inbox: an answer in the urgent
// lane, and what nobody waits for in the bulk lane, so that it evicts no answer.
func (b *Broker) tell(p *Port, ln Lane, build func(dst []byte) []byte) {
	it := b.say(build)
	b.deliver(p.inbox, ln, []Item{it})
	it.Buf.Release(1)
}
