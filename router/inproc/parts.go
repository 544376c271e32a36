package inproc

import (
	"maps"
	"slices"
	"sync"
)

// parts are the subscriptions and goroutines of an in-process client. The routing
// thread adds and removes them. When that thread runs no more calls, Close ends those that
// are left. The lock is held only while the set is changed.
type parts struct {
	mu      sync.Mutex
	subs    map[*subscription]struct{} // guarded by mu
	closed  bool                       // guarded by mu; add and start then return false
	workers sync.WaitGroup             // goroutines of the inbox, of handlers and responders
}

// add adds a subscription; false when the client is closed.
func (p *parts) add(s *subscription) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.subs == nil {
		p.subs = make(map[*subscription]struct{})
	}
	p.subs[s] = struct{}{}
	return true
}

func (p *parts) remove(s *subscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.subs, s)
}

// start runs f on a goroutine that Close waits for; false when the client is closed.
func (p *parts) start(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.workers.Go(f)
	return true
}

func (p *parts) all() []*subscription {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.subs))
}

// close makes add and start return false, and returns the subscriptions that are left.
func (p *parts) close() []*subscription {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.all()
}
