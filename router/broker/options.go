package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router/bus"
	"github.com/daemoneye/eventbus/router/store"
)

// ReplayRule states what the broker keeps in memory of the topics of a pattern.
type ReplayRule = store.Rule

// Options configure a broker. The zero value means the documented defaults.
type Options struct {
	// Name identifies the broker in statistics and logs; default "default".
	Name string
	// MaxMemory bounds the bytes of all memory that the broker keeps for its clients;
	// default 100 MiB, at most 1 PiB. A buffer that several queues share counts once.
	// When it is exceeded, the oldest messages of one of the largest queues are dropped.
	MaxMemory int64
	// MaxQueued is the capacity of a subscription's bulk lane in messages, and
	// the most that one may ask for; default 1000. Like all counts here it may be
	// 1 to 16,777,216.
	MaxQueued int
	// Overflows are the overflow policies that a subscription may choose besides
	// DropOldest. The default, nil, allows all.
	Overflows []bus.Overflow
	// UrgentQueued is the capacity of its urgent lane; default 256.
	UrgentQueued int
	// MaxMessageSize bounds a whole frame, header included; default 1 MiB.
	MaxMessageSize int
	// MaxSubscriptions bounds the subscriptions of one client; default 256.
	MaxSubscriptions int
	// MaxRequests bounds the unanswered requests of one client; default 256.
	MaxRequests int
	// Urgent are the patterns of topics whose messages use the urgent lane. Requests and
	// replies always use it.
	Urgent []string
	// Replay states which messages are kept for late subscribers; default none.
	Replay []ReplayRule
	// MaxRetained and MaxRetainedBytes bound the retained values; defaults 1024
	// topics, and 8 MiB of memory or an eighth of MaxMemory where that is less.
	// When one is exceeded, the client that holds most loses its oldest value.
	// Together with the rules of Replay they may use half of MaxMemory.
	MaxRetained      int
	MaxRetainedBytes int64
	// LatencyBudget lets the routing thread merge wake-ups. While turns with work follow
	// each other faster than this, the thread pauses for up to this long between them, but
	// not within this long of a large batch, because such traffic is merged already. 0, the
	// default, never pauses. At most a second.
	LatencyBudget time.Duration
}

func (o *Options) setDefaults() {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	if o.Name == "" {
		o.Name = "default"
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 100 << 20
	}
	if o.MaxRetainedBytes == 0 {
		o.MaxRetainedBytes = min(8<<20, o.MaxMemory/8)
	}
	set(&o.MaxQueued, 1000)
	set(&o.UrgentQueued, 256)
	set(&o.MaxMessageSize, 1<<20)
	set(&o.MaxSubscriptions, 256)
	set(&o.MaxRequests, 256)
	set(&o.MaxRetained, 1024)
}

// The largest values of options. A larger value is a mistake. Small multiples of these do not
// overflow.
const (
	maxEntries = 1 << 24     // of a queue or a list
	maxBytes   = 1 << 50     // of memory
	maxBudget  = time.Second // longer than a message should wait
)

// check returns an error for an option that is out of its bounds.
func (o *Options) check() error {
	for _, v := range []struct {
		name          string
		got, min, max int64
	}{
		{"MaxQueued", int64(o.MaxQueued), 1, maxEntries},
		{"UrgentQueued", int64(o.UrgentQueued), 1, maxEntries},
		{"MaxMessageSize", int64(o.MaxMessageSize), frame.HeaderSize, frame.MaxSize},
		{"MaxMemory", o.MaxMemory, int64(o.MaxMessageSize), maxBytes},
		{"MaxSubscriptions", int64(o.MaxSubscriptions), 1, maxEntries},
		{"MaxRequests", int64(o.MaxRequests), 1, maxEntries},
		{"MaxRetained", int64(o.MaxRetained), 1, maxEntries},
		{"MaxRetainedBytes", o.MaxRetainedBytes, 0, o.MaxMemory / 2},
	} {
		if v.got < v.min || v.got > v.max {
			return fmt.Errorf("%s is %d, want %d to %d", v.name, v.got, v.min, v.max)
		}
	}
	if o.LatencyBudget < 0 || o.LatencyBudget > maxBudget {
		return fmt.Errorf("LatencyBudget is %s, want 0 to %s", o.LatencyBudget, maxBudget)
	}
	for _, p := range o.Overflows {
		if !p.Known() {
			return fmt.Errorf("unknown policy %q in Overflows, want %s, %s, %s or %s", p, bus.DropOldest, bus.DropNewest, bus.Conflate, bus.Disconnect)
		}
	}
	return nil
}

// maxFixed bounds the part of MaxMemory for sessions and subscriptions: half of what the
// stores leave.
func (o *Options) maxFixed(stored int64) int64 { return (o.MaxMemory - stored) / 2 }

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
