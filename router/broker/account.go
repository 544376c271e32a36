package broker

import (
	"fmt"
	"unsafe"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/queue"
	"github.com/daemoneye/eventbus/router/topic"
)

// Memory that the broker keeps for a client is charged to the client's account before it
// is allocated. The sizes were measured as the growth of the heap on 64-bit Linux and
// rounded up; bounds_test.go compares them.
const (
	sessionBytes = 2432 // with its inbox and empty maps
	inProcess    = 8192 // more for an in-process client: rings, signals, goroutines
	requestBytes = 224
	subscription = int64(unsafe.Sizeof(Sub{})) + queue.ReportBytes + 448 // with its entries in lists and maps
	patternBytes = 176                                                   // beside its text and segments
	segmentBytes = 32
)

// maxFixed bounds the part of MaxMemory for sessions and subscriptions: half of what the
// stores leave.
func (o *Options) maxFixed(stored int64) int64 { return (o.MaxMemory - stored) / 2 }

// openAccount charges a new session. The charge can't be refused here; the server bounds
// the number of clients when it admits them.
func (p *Session) openAccount() {
	p.account = p.b.ledger.Open(p.local)
	p.charge = p.account.Empty(charge.Sessions)
	p.charge.Force(p.bytes())
}

// bytes returns the memory of the session itself, with its open requests.
func (p *Session) bytes() int64 {
	n := sessionBytes + int64(len(p.who.Name)) + requestBytes*int64(p.openRequests)
	if p.local {
		n += inProcess
	}
	return n
}

// openRequest charges one more open request.
func (p *Session) openRequest() error {
	p.openRequests++
	if err := p.hold(&p.charge, p.bytes()); err != nil {
		p.openRequests--
		return err
	}
	return nil
}

func (p *Session) closeRequest() {
	p.openRequests--
	p.charge.Resize(p.bytes())
}

// hold sets one of p's charges of fixed memory to n bytes. It returns a LimitError if p's
// share does not allow that.
func (p *Session) hold(c *charge.Charge, n int64) error {
	more := n - c.Bytes()
	if !c.Resize(n) {
		return fmt.Errorf("what a client makes the broker keep: %w",
			&bus.LimitError{Limit: "max_memory_bytes", Max: p.account.MaxFixed(), Got: p.account.Fixed() + more})
	}
	p.b.makeRoom(0)
	return nil
}

// subscriptionBytes returns the memory of a subscription, without its queue.
func subscriptionBytes(spec *bus.Subscription, patterns topic.Patterns) int64 {
	n := subscription + int64(len(spec.SubscriberID)+len(spec.Group)) + filter.Memory(spec)
	for _, p := range patterns {
		n += patternBytes + segmentBytes*int64(p.Segments()) + int64(len(p.String())) + topic.TreeBytes(p)
	}
	return n
}

// release gives back the charges of s, when nothing refers to s any more.
func (s *Sub) release() {
	for i := range s.lanes {
		s.session.b.order.Remove(&s.lanes[i])
	}
	s.Queue.Release()
	s.charge.Release()
}
