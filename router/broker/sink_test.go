package broker_test

import (
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/queue"
)

// farEnd is a session whose sink takes only as much as the test allows, as a socket would.
// It is used on the routing thread.
type farEnd struct {
	b            *broker.Broker
	session      *broker.Session
	room         int           // messages that may still be taken; the rest of what was taken is held
	lines        []string      // what was taken
	frames       []frame.Frame // copies of it
	held         []queue.Item
	lane         router.Lane
	sub          *broker.Sub
	disconnected string // the reason of a Disconnect
}

// attach adds a far end. on runs f on the routing thread.
func attach(t *testing.T, b *broker.Broker, inflates frame.Flags) (far *farEnd, on func(f func())) {
	t.Helper()
	on = func(f func()) {
		t.Helper()
		done := make(chan struct{})
		if !b.Post(func() { f(); close(done) }) {
			t.Fatal("the broker has stopped")
		}
		select {
		case <-done:
		case <-within(t).Done():
			t.Fatal("the routing thread hangs")
		}
	}
	far = &farEnd{b: b}
	on(func() {
		var features frame.Features
		if inflates != 0 {
			features = frame.FeatureS2
		}
		far.session = b.Attach(router.Identity{Name: "far"}, far, nil, features)
	})
	t.Cleanup(func() {
		on(func() { far.close() })
	})
	return far, on
}

func (f *farEnd) close() {
	f.lose()
	f.session.Close()
}

// lose gives up what was taken and not written.
func (f *farEnd) lose() {
	if len(f.held) > 0 {
		size := uint64(0)
		for i := range f.held {
			size += uint64(f.held[i].Len)
		}
		f.sub.Queue.Lost(f.lane, len(f.held), size)
		queue.ReleaseItems(f.held)
		f.held = nil
	}
}

// Drain takes one batch at a time, and writes what there is room for.
func (f *farEnd) Drain(p *broker.Session) {
	for len(p.Queued()) > 0 && len(f.held) == 0 {
		s := p.Queued()[0]
		t, ok := s.Take(router.Urgent, 1<<20)
		if !ok {
			t, ok = s.Take(router.Bulk, 1<<20)
		}
		if !ok {
			if s.Queue.Pending() { // its work of this turn is used up
				return
			}
			p.Settle(0)
			continue
		}
		if t.HasGap {
			f.lines = append(f.lines, line(&router.Message{Gap: &t.Gap, Urgent: t.Lane == router.Urgent}))
		}
		n := min(len(t.Items), f.room)
		f.room -= n
		size := 0
		for i := range t.Items[:n] {
			fr := t.Items[i].Frame()
			size += len(fr)
			f.frames = append(f.frames, append(frame.Frame(nil), fr...))
			f.lines = append(f.lines, line(&router.Message{Frame: fr, Payload: fr.Payload(), Sequence: t.Items[i].Sequence(), Urgent: t.Lane == router.Urgent}))
		}
		s.Queue.Delivered(t.Lane, n, uint64(size))
		queue.ReleaseItems(t.Items[:n])
		f.held = append(f.held, t.Items[n:]...)
		f.lane, f.sub = t.Lane, s
	}
}

func (f *farEnd) Disconnect(code frame.Code, text string) {
	f.disconnected = code.String() + ": " + text
}

func (f *farEnd) Tick(int64) {}

// send has the broker handle a frame of the client, on the routing thread.
func (f *farEnd) send(t *testing.T, fields *frame.Fields) {
	buf := f.b.Pool().Get(1 << 10)
	defer buf.Release(1)
	var err error
	if buf.B, err = frame.Append(buf.B, fields); err != nil {
		t.Error(err)
		return
	}
	fr := frame.Frame(buf.B)
	if err := f.session.Handle(buf, 0, fr); err != nil {
		f.session.Refuse(fr.ID(), err)
	}
	f.b.EndBatch()
}
