package broker

import (
	"fmt"
	"unsafe"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
	"github.com/daemoneye/eventbus/router/filter"
	"github.com/daemoneye/eventbus/router/topic"
)

// What a client makes the broker keep is charged to its account before it is kept. The
// sizes were measured as the growth of the heap on 64-bit Linux, and rounded up;
// account_test.go compares them.
const (
	sessionBytes = 2304 // with its inbox, and maps that are empty
	inProcess    = 8192 // more in process: rings, signals, goroutines that are begun
	requestBytes = 224
	subscription = int64(unsafe.Sizeof(Sub{})) + 448 // with its places in lists and maps
	patternBytes = 176                               // beside its text and segments
	segmentBytes = 32
)

// maxFixed is how much of MaxMemory sessions and subscriptions may take: half of what
// the stores leave.
func (o *Options) maxFixed(stored int64) int64 { return (o.MaxMemory - stored) / 2 }

// openAccount charges a session that begins. That can't be refused here: who admits
// clients bounds their number.
func (p *Session) openAccount() {
	p.account = p.b.ledger.Open(p.local)
	p.charge = p.account.Empty(charge.Sessions)
	p.charge.Force(p.bytes())
	p.topicCharge = p.account.Empty(charge.Routes)
}

// bytes returns what the session itself takes, with its open requests.
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

// hold has one of p's charges of fixed memory hold n bytes.
func (p *Session) hold(c *charge.Charge, n int64) error {
	more := n - c.Bytes()
	if !c.Resize(n) {
		return fmt.Errorf("what a client makes the broker keep: %w",
			&bus.LimitError{Limit: "max_memory_bytes", Max: p.account.MaxFixed(), Got: p.account.Fixed() + more})
	}
	p.b.makeRoom(0)
	return nil
}

// subscriptionBytes returns what a subscription takes, without its queue.
func subscriptionBytes(spec *bus.Subscription, patterns topic.Patterns) int64 {
	n := subscription + int64(len(spec.SubscriberID)+len(spec.Group)) + filter.Memory(spec)
	for _, p := range patterns {
		n += patternBytes + segmentBytes*int64(p.Segments()) + int64(len(p.String())) + topic.TreeBytes(p)
	}
	return n
}

// release gives back what s is charged for, when nothing refers to it any more.
func (s *Sub) release() {
	s.session.b.weights.forget(s)
	s.Queue.Release()
	s.charge.Release()
}
