package hostile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// TestGlobsThatMatchNothing has subscriptions whose globs look at the ids of every message
// for long, and find nothing.
func TestGlobsThatMatchNothing(t *testing.T) {
	messages := size(1000, 20_000)
	v := startAgent(t, setting{})
	m := measure(v)
	var globs []string
	for i := range 32 {
		globs = append(globs, fmt.Sprintf("*a*a*a*b%d", i))
	}
	c := v.dial(0)
	c.subscribe(1, 124, every(router.Subscription{Patterns: []string{"events.#"}, CorrelationFilter: &router.CorrelationFilter{Patterns: globs}}))
	id := strings.Repeat("a", 256)
	ext, err := frame.AppendExtension(nil, &frame.Meta{Correlation: frame.Correlation{ID: id, Parent: id, Root: id}})
	if err != nil {
		t.Fatal(err)
	}
	v.dial(0).publish(repeat("events.g", messages), []byte("1"), 0, ext)
	m.check()
	s := v.check()
	if published, matched := ofHostile(&s); published != uint64(messages) || matched != 0 {
		t.Errorf("%d messages were published, and %d matched; want %d and none", published, matched, messages)
	}
}
