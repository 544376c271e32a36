package frame

import "sync/atomic"

// Budget bounds memory: the bytes that are charged to it at any time are at most
// its maximum. Who is about to keep something charges it first, and keeps it
// only if the budget has room. A Budget is safe for concurrent use.
type Budget struct {
	used atomic.Int64
	max  int64
}

// NewBudget returns a budget of max bytes, which must not be negative.
func NewBudget(max int64) *Budget {
	if max < 0 {
		panic("frame: a budget of negative size")
	}
	return &Budget{max: max}
}

// Max returns how many bytes may be charged at once.
func (b *Budget) Max() int64 { return b.max }

// Used returns how many bytes are charged now.
func (b *Budget) Used() int64 { return b.used.Load() }

// Charge takes n bytes out of the budget; false means that they are not there,
// and nothing was taken. The charge is a handle: whoever holds it refunds it
// once, when the memory is let go. It panics for a negative n.
func (b *Budget) Charge(n int64) (Charge, bool) {
	if n < 0 {
		panic("frame: a charge of negative size")
	}
	for {
		used := b.used.Load()
		if n > b.max-used { // by subtraction, because a sum may wrap
			return Charge{}, false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return Charge{b, n}, true
		}
	}
}

// Charge is bytes of a budget that somebody holds. The zero value holds none. It
// must not be copied while it holds any: of two copies each would be refunded.
// One goroutine at a time may use it.
type Charge struct {
	of    *Budget
	bytes int64
}

// Bytes returns how many bytes the charge holds.
func (c *Charge) Bytes() int64 { return c.bytes }

// Refund gives the bytes back to their budget. A second call does nothing.
func (c *Charge) Refund() {
	if c.of == nil {
		return
	}
	of, n := c.of, c.bytes
	*c = Charge{}
	of.used.Add(-n)
}
