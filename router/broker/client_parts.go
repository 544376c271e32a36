package broker

import (
	"maps"
	"slices"
	"sync"
)

// clientParts are the subscriptions and goroutines of an in-process client. The routing
// thread adds and removes them. When that thread runs no more calls, Close ends those that
// are left. The lock is held only while the set is changed.
type clientParts struct {
	mu      sync.Mutex
	subs    map[*localSubscription]struct{} // guarded by mu
	closed  bool                            // guarded by mu; add and start then return false
	workers sync.WaitGroup                  // goroutines of the inbox, of handlers and responders
}

// add adds a subscription; false when the client is closed.
func (p *clientParts) add(s *localSubscription) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.subs == nil {
		p.subs = make(map[*localSubscription]struct{})
	}
	p.subs[s] = struct{}{}
	return true
}

func (p *clientParts) remove(s *localSubscription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.subs, s)
}

// start runs f on a goroutine that Close waits for; false when the client is closed.
func (p *clientParts) start(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.workers.Go(f)
	return true
}

func (p *clientParts) all() []*localSubscription {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.subs))
}

// close makes add and start return false, and returns the subscriptions that are left.
func (p *clientParts) close() []*localSubscription {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.all()
}
