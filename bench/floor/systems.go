package floor

import "github.com/daemoneye/eventbus/bench/e2e"

// Systems returns all floors.
func Systems() []e2e.System {
	return []e2e.System{OneHop(false), OneHop(true), Batched(), Plain(false), Usual(), Plain(true)}
}
