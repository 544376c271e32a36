package clock

// Set moves the wall clock, as somebody does who sets the time.
func (c *Clock) Set(byNs int64) { c.wallOffsetNs += byNs }
