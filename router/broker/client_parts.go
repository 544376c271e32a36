package broker

import (
	"maps"
	"slices"
	"sync"
)

// clientParts are the subscriptions and goroutines of an in-process client. The
// routing thread adds and removes them, and Close takes over what is left when that
// thread takes no calls any more. Nobody holds the lock for longer than it takes to
// change the set.
type clientParts struct {
	mu      sync.Mutex
	subs    map[*localSubscription]struct{} // guarded by mu
	closed  bool                            // guarded by mu; nothing is added any more
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

// close lets nothing be added any more, and returns the subscriptions that are left.
func (p *clientParts) close() []*localSubscription {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return p.all()
}
