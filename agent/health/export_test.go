package health

import "github.com/daemoneye/eventbus/router"

// NewMinute is a minute of which only two moments are known.
func NewMinute(began, settled *router.Stats) *Minute {
	return &Minute{sampleOf(began), sampleOf(settled)}
}

// Matched is what the minute has of a subscription: when it began, and when it had
// settled.
func (m *Minute) Matched(source uint32, id uint64) (began, settled uint64) {
	return m.began[key{source, id}].matched, m.settled[key{source, id}].matched
}
