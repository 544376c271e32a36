package ipc_test

import (
	"errors"
	"io"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestDrainReturnsWhatEndedIt has brokers that go while a client drains. What they had
// queued is lost where they sent no goodbye, or one because of a fault.
func TestDrainReturnsWhatEndedIt(t *testing.T) {
	for _, tc := range []struct {
		name string
		send []byte
		want error // nil: all is well
	}{
		{"drained", goodbye(frame.CodeNone), nil},
		{"shut down", goodbye(frame.CodeShutdown), nil},
		{"it died", nil, io.EOF},
		{"it died inside a message", message(1, "events.a", "whole")[:45], io.EOF},
		{"too slow", goodbye(frame.CodeSlow), frame.ErrSlow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, p := newFake(t).dial(frame.Welcome{}, ipc.ClientOptions{})
			var handled []router.Message
			_, id := p.subscribed(c, router.Subscription{Patterns: []string{"events.#"}, Handler: func(m *router.Message) {
				handled = append(handled, *m.Clone())
			}})
			loop, _ := p.subscribed(c, router.Subscription{Patterns: []string{"events.#"}})
			drained := make(chan error, 1)
			go func() { drained <- c.Drain(within(t)) }() // ends with the connection
			p.send(encode(frame.Fields{Type: frame.TypePong, ID: p.expect(frame.TypePing).ID()}))
			p.expect(frame.TypeDrain)
			p.send(encode(frame.Fields{Type: frame.TypePing})) // not answered any more
			p.send(streamOf(id, frame.LaneBulk, 0), message(1, "events.a", "x"), tc.send)
			p.conn.CloseWrite()
			gaps := 0
			for m := range loop.Messages(within(t)) {
				if m.Gap == nil || m.Gap.Reason != frame.ReasonConnection {
					t.Errorf("%v %q", m.Gap, m.Payload)
				}
				gaps++
			}
			if err := <-drained; !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("%v, want %v", err, tc.want)
			}
			want := 0
			if tc.want != nil {
				want = 1
			}
			if gaps != want || len(handled) != 1+want || want > 0 && handled[1].Gap == nil {
				t.Errorf("%d gaps in the loop, want %d; the handler saw %v", gaps, want, handled)
			}
			if err := loop.Err(); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("the subscription ended with %v, want %v", err, tc.want)
			}
			if f, err := p.r.Next(); !errors.Is(err, io.EOF) && f.Type() != frame.TypeGoodbye {
				t.Errorf("%v %v behind drain", f.Type(), err)
			}
		})
	}
}

// TestPublishOverlapsDrain holds that each message that was accepted lies before the
// drain frame: no broker reads what is behind that.
func TestPublishOverlapsDrain(t *testing.T) {
	t.Parallel()
	for range 20 {
		c, p := newFake(t).dial(frame.Welcome{}, ipc.ClientOptions{})
		const publishers = 4
		accepted := make(chan uint64, publishers)
		for range publishers {
			out := publisher(t, c, "events.a")
			go func() { // ends with the drain
				n := uint64(0)
				for out.Publish([]byte("x")) == nil {
					n++
				}
				accepted <- n
			}()
		}
		drained := make(chan error, 1)
		go func() { drained <- c.Drain(within(t)) }() // ends with goodbye
		came := uint64(0)
		for f := p.next(); f.Type() != frame.TypeDrain; f = p.next() {
			switch f.Type() {
			case frame.TypePublish:
				came++
			case frame.TypePing:
				p.send(encode(frame.Fields{Type: frame.TypePong, ID: f.ID()}))
			}
		}
		p.send(goodbye(frame.CodeNone))
		if err := <-drained; err != nil {
			t.Error(err)
		}
		sum := uint64(0)
		for range publishers {
			sum += <-accepted
		}
		if sum != came {
			t.Errorf("%d messages accepted, %d came before drain", sum, came)
		}
	}
}
