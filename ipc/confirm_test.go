package ipc_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestAConfirmedMessageIsForwardedAsAnyOther looks at the bytes: the ack has the message's
// own sequence, and the subscriber gets its other flags and not the one that asked for the
// ack.
func TestAConfirmedMessageIsForwardedAsAnyOther(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	p := s.knock(t)
	p.send(hello(frame.Hello{Name: "peer", Version: 1, Features: frame.AllFeatures.Names()}))
	p.expect(frame.TypeWelcome)
	p.subscribe(1, router.Subscription{Patterns: []string{"a.#"}})
	payload, s2 := frame.Compress(nil, bytes.Repeat([]byte("confirm"), 1000), frame.FlagS2)
	p.send(encode(frame.Fields{
		Type: frame.TypePublish, Flags: frame.FlagConfirm | frame.FlagRetain | s2, ID: 7, Topic: "a.b", Payload: payload,
	}))
	var ack frame.Ack
	var got frame.Frame
	for range 2 { // in either order
		f := p.next(frame.TypeStream)
		if f.Type() == frame.TypePublish {
			got = bytes.Clone(f)
			continue
		}
		var err error
		if ack, err = frame.ParseAck(f.Payload()); f.Type() != frame.TypeAck || f.ID() != 7 || err != nil {
			t.Fatalf("%s for %d: %v", f.Type(), f.ID(), err)
		}
	}
	if got == nil || got.Flags() != frame.FlagRetain|s2 || !bytes.Equal(got.Payload(), payload) || ack != (frame.Ack{Sequence: got.Sequence(), Matched: 1}) {
		t.Errorf("ack %+v; message with flags %d, sequence %d", ack, got.Flags(), got.Sequence())
	}
}

// TestAnAckIsWanted refuses the flag of a client that did not list the feature.
func TestAnAckIsWanted(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{}, ipc.Options{})
	p := s.greet(t)
	p.send(encode(frame.Fields{Type: frame.TypePublish, Flags: frame.FlagConfirm, ID: 7, Topic: "a.b"}))
	p.expectError(7, frame.CodeFlags, false)
	p.flush(8)
	if st := s.stats(t); st.Published != 0 || st.Refused["flags"] != 1 {
		t.Errorf("published %d, refused %v", st.Published, st.Refused)
	}
}

// TestABrokerThatConfirmsNothing is one of an earlier version: nothing is published.
func TestABrokerThatConfirmsNothing(t *testing.T) {
	t.Parallel()
	c, p := newFake(t).dial(frame.Welcome{Features: []string{"s2"}}, ipc.ClientOptions{})
	if n, err := c.PublishConfirmed(t.Context(), router.Outgoing{Topic: "a.b"}); !errors.Is(err, ipc.ErrNoConfirm) || n != 0 {
		t.Errorf("%d, %v, want ErrNoConfirm", n, err)
	}
	go c.Flush(t.Context()) // ends with the client
	p.expect(frame.TypePing)
}

// TestAConfirmedMessageIsOfOneConnection has the connection end before the message was
// written: its caller learns that, and it does not come with the next connection.
func TestAConfirmedMessageIsOfOneConnection(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	w := frame.Welcome{Features: frame.AllFeatures.Names()}
	st := make(states, 10)
	c, p := f.dial(w, ipc.ClientOptions{OnState: func(err error) { st <- err }})
	// More than the socket takes: what follows waits behind it.
	large := make(chan error, 1)
	go func() { // ends with the connection
		large <- c.Publish(t.Context(), router.Outgoing{Topic: "a.large", Payload: make([]byte, 1<<20-100)})
	}()
	result := make(chan error, 1)
	go func() { // as well
		_, err := c.PublishConfirmed(t.Context(), router.Outgoing{Topic: "a.sure"})
		result <- err
	}()
	if f, err := p.r.Next(); err != nil { // one of the two is on its way
		t.Fatal(f, err)
	}
	again := f.welcome(w)
	p.conn.Close()
	if err := <-result; !errors.Is(err, ipc.ErrDisconnected) {
		t.Errorf("%v, want ErrDisconnected", err)
	}
	<-large
	st.lost(t)
	p = <-again
	st.back(t)
	go c.Flush(t.Context()) // ends with the client
	for {
		f := p.next()
		if f.Type() == frame.TypePing {
			return
		}
		if string(f.Topic()) == "a.sure" {
			t.Fatal("the message comes again")
		}
	}
}
