package life

import (
	"cmp"
	"math/rand/v2"
	"time"
)

// Options are the times of a life. The zero value means the documented defaults.
type Options struct {
	// MaxRestarts in a row end in giving up; default 5, negative for none.
	MaxRestarts int
	// FirstBackoff and MaxBackoff bound the pause before a restart; defaults 200 ms and
	// 30 s. Half of the pause is random.
	FirstBackoff, MaxBackoff time.Duration
	// CoolDown is how long one that was given up stays away; default 5 min.
	CoolDown time.Duration
	// RegisterTimeout is how long a collector may take to register; default 10 s.
	RegisterTimeout time.Duration
	// StableAfter is how long a collector must have been registered to have its restarts
	// back; default 1 min.
	StableAfter time.Duration
	// Beat is the time between two heartbeats; default 2 s, negative for a collector
	// that makes none and is not watched.
	Beat time.Duration
	// CallTimeout is how long a collector may take to answer; default 1 s.
	CallTimeout time.Duration
	// StopTimeout is how long a collector that responds may take to end before it is
	// killed; default 2 s. One that does not respond has CallTimeout.
	StopTimeout time.Duration
	// KillTimeout is how long a collector that was killed may take to end before that is
	// reported; default 2 s.
	KillTimeout time.Duration
	// External is set for a collector whose process is not the agent's.
	External bool
	// Random returns a number from 0 to 1 for the pause before a restart; default
	// rand.Float64.
	Random func() float64
}

// Missed is how many heartbeats in a row make a collector unresponsive.
const Missed = 3

func (o *Options) setDefaults() {
	o.MaxRestarts = max(cmp.Or(o.MaxRestarts, 5), 0)
	o.FirstBackoff = cmp.Or(o.FirstBackoff, 200*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 30*time.Second)
	o.CoolDown = cmp.Or(o.CoolDown, 5*time.Minute)
	o.RegisterTimeout = cmp.Or(o.RegisterTimeout, 10*time.Second)
	o.StableAfter = cmp.Or(o.StableAfter, time.Minute)
	o.Beat = cmp.Or(o.Beat, 2*time.Second)
	o.CallTimeout = cmp.Or(o.CallTimeout, time.Second)
	o.StopTimeout = cmp.Or(o.StopTimeout, 2*time.Second)
	o.KillTimeout = cmp.Or(o.KillTimeout, 2*time.Second)
	if o.Random == nil {
		o.Random = rand.Float64
	}
}

// silence is how long no heartbeat may come. A quarter of an interval is for a heartbeat
// that is on its way.
func (o *Options) silence() time.Duration { return Missed*o.Beat + o.Beat/4 }
