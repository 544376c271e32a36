package client

import "github.com/daemoneye/eventbus/frame"

// A client that lives in another time namespace than its broker has another monotonic
// clock. All times on the wire are the broker's, so they are shifted where frames are
// appended and where they are read, and everything else uses the client's clock. Without
// an offset, as nearly always, that costs a comparison.

// shiftFrames adds an offset to the times of all whole frames of b, but for pings and
// their answers, whose time goes back as it came.
func shiftFrames(b []byte, offset int64) {
	if offset == 0 {
		return
	}
	for {
		f, err := frame.Next(b, frame.MaxSize)
		if f == nil {
			return
		}
		if t := f.Type(); err == nil && t != frame.TypePing && t != frame.TypePong {
			f.ShiftTimes(offset)
		}
		b = b[len(f):]
	}
}

// BrokerNow returns the broker's clock.
func (c *Client) BrokerNow() int64 {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	return frame.Now() + c.out.offset
}
