package broker

import (
	"fmt"
	"slices"

	"github.com/daemoneye/eventbus/router/bus"
)

// Limits are those Options that may change while the broker runs.
type Limits struct {
	MaxQueued        int
	Overflows        []bus.Overflow
	MaxSubscriptions int
	MaxRequests      int
}

func (o *Options) limits() *Limits {
	return &Limits{o.MaxQueued, o.Overflows, o.MaxSubscriptions, o.MaxRequests}
}

// with returns the options with other limits.
func (o Options) with(l *Limits) Options {
	o.MaxQueued, o.Overflows, o.MaxSubscriptions, o.MaxRequests = l.MaxQueued, l.Overflows, l.MaxSubscriptions, l.MaxRequests
	return o
}

// SetLimits puts l in force for clients that connect from now on, all of it, or nothing
// with an error. A client that is connected keeps the limits that it was given, because
// its welcome names them. Zero values are the defaults of Options. Safe for concurrent
// use.
func (b *Broker) SetLimits(l Limits) error {
	o := b.opts.with(&l)
	o.setDefaults()
	if err := o.check(); err != nil {
		return fmt.Errorf("router: limits: %w", err)
	}
	b.limits.Store(o.limits())
	return nil
}

// Options returns the options in force, for clients that connect now.
func (b *Broker) Options() Options { return b.opts.with(b.limits.Load()) }

// checkOverflow refuses a policy that the broker does not allow.
func (l *Limits) checkOverflow(p bus.Overflow) error {
	if l.Overflows == nil || p == bus.DropOldest || slices.Contains(l.Overflows, p) {
		return nil
	}
	allowed := string(bus.DropOldest)
	for _, p := range l.Overflows {
		if p != bus.DropOldest {
			allowed += ", " + string(p)
		}
	}
	return fmt.Errorf("%w: overflow %s, where only %s may be chosen", bus.ErrDenied, p, allowed)
}
