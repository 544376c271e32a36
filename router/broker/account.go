package broker

import (
	"fmt"

	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/charge"
)

// Memory that the broker keeps for a client is charged to the client's account before it
// is allocated. The sizes were measured as the growth of the heap on 64-bit Linux and
// rounded up; bounds_test.go compares them.
const (
	sessionBytes = 2432 // with its inbox and empty maps
	inProcess    = 8192 // more for an in-process client: rings, signals, goroutines
	requestBytes = 224
)

// account is what a session is charged for: itself, with its open requests, and with what
// its subscriptions, queues and cached topics are charged for.
type account struct {
	*charge.Account
	session  charge.Charge
	base     int64 // of the session without requests
	requests int   // that are open
}

// open charges a new session. The charge can't be refused here; the server bounds the number
// of clients when it admits them.
func (a *account) open(l *charge.Ledger, who *bus.Identity, local bool) {
	a.base = sessionBytes + int64(len(who.Name))
	if local {
		a.base += inProcess
	}
	a.Account = l.Open(local)
	a.session = a.Empty(charge.Sessions)
	a.session.Force(a.base)
}

// openRequest charges one more open request.
func (a *account) openRequest() error {
	if err := a.hold(&a.session, a.base+requestBytes*int64(a.requests+1)); err != nil {
		return err
	}
	a.requests++
	return nil
}

func (a *account) closeRequest() {
	a.requests--
	a.session.Resize(a.base + requestBytes*int64(a.requests))
}

// hold sets one of the charges of fixed memory to n bytes. It returns a LimitError if the
// client's share does not allow that. The caller then makes room for what was charged.
func (a *account) hold(c *charge.Charge, n int64) error {
	more := n - c.Bytes()
	if !c.Resize(n) {
		return fmt.Errorf("what a client makes the broker keep: %w",
			&bus.LimitError{Limit: "max_memory_bytes", Max: a.MaxFixed(), Got: a.Fixed() + more})
	}
	return nil
}
