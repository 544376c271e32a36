package live

import (
	"time"

	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

// MaxHeld bounds what a Fold holds, but for one event a rule.
const MaxHeld = maxHeld

// Fold is a fold that calls raised for each alert.
type Fold struct{ f *fold }

// NewFold makes a Fold.
func NewFold(raised func(rule *sigma.Head, count uint64, many bool)) Fold {
	return Fold{newFold(func(x *detect.Detection, _ event.View, count uint64, _ time.Time, many bool) {
		raised(x.Head, count, many)
	})}
}

// Add adds an event of that key.
func (f Fold) Add(rule *sigma.Head, value uint64, v event.View, now time.Time) {
	f.f.add(key{rule: rule, value: value}, &detect.Detection{Head: rule}, v, now)
}

// Flush hands on all that was gathered.
func (f Fold) Flush(now time.Time) { f.f.flush(now, true) }

// Held returns how many bytes of events are kept.
func (f Fold) Held() int { return f.f.held }
