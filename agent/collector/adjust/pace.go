package adjust

import "time"

// Pace is a time.Ticker whose interval can change while time goes on: the wait for the next
// tick does not begin anew, so that no tick stays away however often that happens.
//
// One goroutine at a time.
type Pace struct {
	timer    *time.Timer
	interval time.Duration
	due      time.Time // when the next tick is
}

// NewPace makes a pace whose first tick comes after an interval. Stop it when done.
func NewPace(interval time.Duration) *Pace {
	return &Pace{time.NewTimer(interval), interval, time.Now().Add(interval)}
}

// C returns the channel of the ticks. Who takes one has to call Next.
func (p *Pace) C() <-chan time.Time { return p.timer.C }

// Next has the next tick come an interval after the one that was due. Ticks that are late
// already are left out.
func (p *Pace) Next() {
	p.due = p.due.Add(p.interval)
	if now := time.Now(); !p.due.After(now) {
		p.due = now.Add(p.interval)
	}
	p.timer.Reset(time.Until(p.due))
}

// Set changes the interval, also that of the wait which goes on.
func (p *Pace) Set(interval time.Duration) {
	if interval == p.interval {
		return
	}
	p.due = p.due.Add(interval - p.interval)
	p.interval = interval
	p.timer.Reset(time.Until(p.due))
}

// Stop ends the ticks.
func (p *Pace) Stop() { p.timer.Stop() }
