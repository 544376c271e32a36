package proc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Role is one part of a measurement. It runs in a process of its own, until it is
// done and ctx has ended; ctx ends when the parent stops the process or dies.
type Role func(ctx context.Context, c *Control) error

// Roles are the parts that a program can play, by name.
type Roles map[string]Role

// grace is how long a role may take to return after its context has ended.
const grace = 2 * time.Second

// RunIfChild returns at once in a process that was not started by Start. In one that
// was, it plays its role and exits. Call it first in TestMain or main, before flags
// are parsed.
func (r Roles) RunIfChild() {
	name, child := os.LookupEnv(roleVariable)
	if !child {
		return
	}
	c, ctx := newControl(os.NewFile(fdOrders, "orders"), os.NewFile(fdReports, "reports"))
	role, known := r[name]
	err := fmt.Errorf("proc: no role %q", name)
	if known {
		err = role(ctx, c)
	}
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		os.Exit(0)
	}
	_ = c.send(kindError, err.Error()) // the parent may be gone, then nobody reads it
	os.Exit(1)
}

// Control is a role's line to its parent. One goroutine at a time may use it.
type Control struct {
	orders  chan message
	reports *json.Encoder
}

// newControl starts the goroutine that reads the orders; it ends with the process,
// when the orders do.
func newControl(orders io.Reader, reports io.Writer) (*Control, context.Context) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Control{orders: make(chan message, 2), reports: json.NewEncoder(reports)}
	go func() {
		for d := json.NewDecoder(orders); ; {
			var m message
			if d.Decode(&m) != nil {
				break
			}
			c.orders <- m
		}
		cancel()
		time.Sleep(grace)
		os.Exit(3) // the role did not come back: a process that nobody waits for must not stay
	}()
	return c, ctx
}

// Args decodes what was given to Start.
func (c *Control) Args(ctx context.Context, v any) error { return c.receive(ctx, kindArgs, v) }

// Ready reports to the parent that the role is set up.
func (c *Control) Ready(v any) error { return c.send(kindReady, v) }

// Go waits until the parent starts the measurement, and decodes what it sends with
// that.
func (c *Control) Go(ctx context.Context, v any) error { return c.receive(ctx, kindGo, v) }

// Result gives the parent the result. The role should then stay until its context
// ends, so that what it holds open stays open for the others.
func (c *Control) Result(v any) error { return c.send(kindResult, v) }

func (c *Control) receive(ctx context.Context, k kind, v any) error {
	select {
	case m := <-c.orders:
		return m.into(k, v)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Control) send(k kind, v any) error {
	m, err := newMessage(k, v)
	if err != nil {
		return err
	}
	return c.reports.Encode(m)
}
