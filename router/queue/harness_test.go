package queue_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/router"
)

// within returns a context that ends a call which hangs.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// numbers are the payloads from..to-1.
func numbers(from, to int) (s []string) {
	for i := from; i < to; i++ {
		s = append(s, fmt.Sprint(i))
	}
	return s
}

// shown formats a message as a line: the sequence number and the payload, with ! in
// front if it is urgent; or the gap.
func shown(m *router.Message) string {
	urgent := ""
	if m.Urgent {
		urgent = "!"
	}
	if g := m.Gap; g != nil {
		return fmt.Sprintf("%sgap %d-%d: %d of %d bytes, %s", urgent, g.First, g.Last, g.Count, g.Bytes, g.Reason)
	}
	return fmt.Sprintf("%s%d %s", urgent, m.Sequence, m.Payload)
}
