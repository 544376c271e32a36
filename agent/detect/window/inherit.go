package window

import (
	"container/list"
	"crypto/sha256"
	"fmt"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

// Inherit takes over the state of each correlation of from that means the same here, with
// all that it counts, and the losses and counts. The time that it takes depends on the
// number of correlations, and not on what they hold. from is of no use afterwards.
//
// Bounds that are tighter here take hold when a group is used.
func (c *Correlator) Inherit(from *Correlator) {
	before := map[fingerprint]*correlation{}
	for _, x := range from.all {
		before[fingerprintOf(x.Correlation)] = x
	}
	for _, x := range c.all {
		print := fingerprintOf(x.Correlation)
		y, ok := before[print]
		if !ok {
			continue
		}
		delete(before, print) // of several that are alike, one has it
		x.state, y.state = y.state, &state{all: &from.bytes, groups: map[string]*list.Element{}}
		x.all = &c.bytes
		c.bytes += x.bytes
	}
	c.losses = from.losses
	c.stats = from.stats
}

// fingerprint is the same for correlations that mean the same.
type fingerprint [sha256.Size]byte

// fingerprintOf is of the correlation's own text and of all that it counts, with the
// filters of rules. What it counts may be correlations, but not itself.
func fingerprintOf(x *sigma.Correlation) (sum fingerprint) {
	h := sha256.New()
	h.Write(x.Digest[:])
	for _, m := range x.Members {
		if m.Correlation != nil {
			inner := fingerprintOf(m.Correlation)
			h.Write(inner[:])
			continue
		}
		h.Write(m.Rule.Digest[:])
		fmt.Fprintf(h, "%d", len(m.Rule.Filters))
		for _, f := range m.Rule.Filters {
			h.Write(f.Digest[:])
		}
	}
	h.Sum(sum[:0])
	return sum
}
