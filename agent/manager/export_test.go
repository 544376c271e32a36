package manager

import (
	"log/slog"
	"time"
)

// Budget is budget, for its table.
type Budget struct{ b *budget }

// NewBudget makes a budget of o, with the defaults where o says nothing.
func NewBudget(o Options) Budget {
	o.setDefaults()
	return Budget{newBudget(&o)}
}

// Spend is spend.
func (b Budget) Spend(served time.Duration) (time.Duration, bool) { return b.b.spend(served, false) }

// Refused is spend for a collector that was refused.
func (b Budget) Refused() (time.Duration, bool) { return b.b.spend(0, true) }

// Explain returns the line that output keeps of what is written to it in parts.
func Explain(log *slog.Logger, parts ...string) string {
	o := &output{log: log}
	for _, p := range parts {
		if n, err := o.Write([]byte(p)); n != len(p) || err != nil {
			panic("a collector's output was not taken")
		}
	}
	o.flush()
	return o.last
}

// MaxLine is maxLine.
const MaxLine = maxLine
