package live

import (
	"cmp"
	"sort"
	"time"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
)

// costs are what rules take, measured on a sample of the events. What all rules share
// (finding the candidates) is that of no rule.
type costs struct {
	events uint64 // of the sample
	all    time.Duration
	byRule map[*sigma.Rule]time.Duration
}

// add adds the time of a rule for one event, nil for what they share.
func (c *costs) add(r *sigma.Rule, d time.Duration) {
	c.all += d
	if r == nil {
		return
	}
	if c.byRule == nil {
		c.byRule = make(map[*sigma.Rule]time.Duration)
	}
	c.byRule[r] += d
}

const (
	// mostCosts is how many rules are named.
	mostCosts = 10
	// costly is a mean time an event that is too much for one rule: with 10,000 events a
	// second it is a tenth of a core. All rules of the community for Linux together take
	// a tenth of it.
	costly = 10 * time.Microsecond
	// enough is how many events a sample has to have for a verdict.
	enough = 50
)

// top returns the rules that took most.
func (c *costs) top() (all []control.RuleCost) {
	if c.events == 0 {
		return nil
	}
	for r, d := range c.byRule {
		all = append(all, control.RuleCost{
			Rule: ruleID(&r.Head), Title: r.Title, PerEvent: d / time.Duration(c.events), Share: float64(d) / float64(max(c.all, 1)),
		})
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		return cmp.Or(cmp.Compare(b.PerEvent, a.PerEvent), cmp.Compare(b.Share, a.Share), cmp.Compare(a.Rule, b.Rule)) < 0
	})
	return all[:min(len(all), mostCosts)]
}
