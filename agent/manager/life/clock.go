package life

import "time"

// MaxStep is the longest time between two readings of a Clock that counts. What is beyond
// it, the agent stood still: it was stopped, the machine slept, or it got no processor.
const MaxStep = time.Second

// Clock counts the time that the agent was awake. One goroutine at a time.
type Clock struct {
	last  time.Time
	awake time.Duration
}

// Read returns how long the agent was awake until now, which must have a monotonic reading
// as time.Now has. stood is for how long it stood still before. Time does not run back.
func (c *Clock) Read(now time.Time) (awake, stood time.Duration) {
	if c.last.IsZero() {
		c.last = now
	}
	passed := max(now.Sub(c.last), 0)
	c.last = now
	if passed > MaxStep {
		stood, passed = passed-MaxStep, MaxStep
	}
	c.awake += passed
	return c.awake, stood
}
