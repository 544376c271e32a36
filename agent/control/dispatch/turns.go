package dispatch

import (
	"context"
	"sync"

	"github.com/daemoneye/eventbus/agent/control"
)

// MaxWaiting bounds the operations that wait for their turn at one target.
const MaxWaiting = 16

// turns lets operations that change the same target through one by one, in the order of
// their arrival. Safe for concurrent use.
type turns struct {
	mu     sync.Mutex
	queues map[string][]chan struct{} // guarded by mu; the first of each has its turn
}

// take waits for the turn of one operation at target. The caller has to call done after
// it. It fails with an *control.Error when too many wait, and when ctx ends.
func (t *turns) take(ctx context.Context, target string) (done func(), err error) {
	mine := make(chan struct{})
	t.mu.Lock()
	if t.queues == nil {
		t.queues = make(map[string][]chan struct{})
	}
	q := t.queues[target]
	if len(q) > MaxWaiting {
		t.mu.Unlock()
		return nil, control.Errorf(control.CodeBusy, "%d operations wait for collector %s already", MaxWaiting, target)
	}
	t.queues[target] = append(q, mine)
	if len(q) == 0 {
		close(mine)
	}
	t.mu.Unlock()
	done = func() { t.leave(target, mine) }
	select {
	case <-mine:
		return done, nil
	case <-ctx.Done():
		done()
		return nil, ctx.Err()
	}
}

// leave takes mine out of the queue. If it had the turn, the next one has it now.
func (t *turns) leave(target string, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queues[target]
	for i, c := range q {
		if c != mine {
			continue
		}
		q = append(q[:i], q[i+1:]...)
		if i == 0 && len(q) > 0 {
			close(q[0])
		}
		break
	}
	if t.queues[target] = q; len(q) == 0 {
		delete(t.queues, target)
	}
}
