package output

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/daemoneye/eventbus/router"
)

// message is one message of the bus, or a gap, copied.
type message struct {
	m  *router.Message
	at time.Time
	n  uint64 // counts what this feed has taken
}

// maxHeld is how many bytes of messages a feed holds beside the queue of the bus. One
// message may be larger.
const maxHeld = 1 << 20

// feed takes messages from a subscription of the bus, and holds a few until a worker takes
// them. While they are not taken they wait in the bus, whose queue drops and announces. A
// feed outlives the workers of its output, so that a changed output loses nothing.
//
// Safe for concurrent use, but for one worker at a time.
type feed struct {
	bus  Bus
	name string

	ready chan struct{} // capacity 1: something was put
	space chan struct{} // capacity 1: something was taken
	more  chan struct{} // capacity 1: there is a subscription in next
	done  sync.WaitGroup

	mu     sync.Mutex
	held   []message           // guarded by mu
	bytes  int                 // guarded by mu
	taken  uint64              // guarded by mu
	lost   uint64              // guarded by mu; by gaps
	topics []string            // guarded by mu; of the newest subscription
	queue  int                 // guarded by mu; of the newest subscription
	newest router.Subscriber   // guarded by mu; nil for none
	next   []router.Subscriber // guarded by mu; to be taken after the one before has ended
	err    error               // guarded by mu; why there is none
}

func newFeed(bus Bus, name string) *feed {
	return &feed{
		bus: bus, name: name, ready: make(chan struct{}, 1), space: make(chan struct{}, 1), more: make(chan struct{}, 1),
	}
}

// run takes what comes until ctx ends.
func (f *feed) run(ctx context.Context) {
	for ctx.Err() == nil {
		f.mu.Lock()
		var s router.Subscriber
		if len(f.next) > 0 {
			s, f.next = f.next[0], f.next[1:]
		}
		f.mu.Unlock()
		if s != nil {
			f.drainInto(ctx, s)
			continue
		}
		select {
		case <-f.more:
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	for _, s := range append(f.next, f.newest) {
		if s != nil {
			_ = s.Close() // again, for one that has ended
		}
	}
	f.newest, f.next = nil, nil
	f.mu.Unlock()
	f.done.Wait()
}

func (f *feed) drainInto(ctx context.Context, s router.Subscriber) {
	for m := range s.Messages(ctx) {
		if m.Gap == nil && isAlertTopic(string(m.Topic())) {
			continue // those come from the journal
		}
		f.put(ctx, m.Clone())
	}
	if err := s.Err(); err != nil && ctx.Err() == nil {
		f.mu.Lock()
		if f.newest == s {
			f.newest, f.err = nil, err
		}
		f.mu.Unlock()
	}
	_ = s.Close() // it has ended
}

// put waits for space.
func (f *feed) put(ctx context.Context, m *router.Message) {
	size := len(m.Payload) + len(m.Frame)
	for {
		f.mu.Lock()
		if len(f.held) == 0 || f.bytes+size <= maxHeld {
			f.taken++
			if m.Gap != nil {
				f.lost += m.Gap.Count
			}
			f.held, f.bytes = append(f.held, message{m, time.Now(), f.taken}), f.bytes+size
			f.mu.Unlock()
			wake(f.ready)
			return
		}
		f.mu.Unlock()
		select {
		case <-f.space:
		case <-ctx.Done():
			return
		}
	}
}

// take returns at most n messages, in order.
func (f *feed) take(n int) []message {
	f.mu.Lock()
	defer f.mu.Unlock()
	n = min(n, len(f.held))
	all := slices.Clone(f.held[:n])
	f.held = slices.Delete(f.held, 0, n)
	for i := range all {
		f.bytes -= len(all[i].m.Payload) + len(all[i].m.Frame)
	}
	wake(f.space)
	return all
}

// giveBack puts messages that were not sent in front again.
func (f *feed) giveBack(all []message) {
	if len(all) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = slices.Insert(f.held, 0, all...)
	for i := range all {
		f.bytes += len(all[i].m.Payload) + len(all[i].m.Frame)
	}
	wake(f.ready)
}

// subscribe has the feed take these topics from now on, and after what the subscription
// before has queued. Without topics it takes none. It returns when the bus has the new
// subscription.
func (f *feed) subscribe(ctx context.Context, topics []string, queue int) {
	f.mu.Lock()
	before := f.newest
	same := before != nil && slices.Equal(f.topics, topics) && f.queue == queue
	f.mu.Unlock()
	if same || before == nil && len(topics) == 0 {
		return
	}
	var next router.Subscriber
	var err error
	if len(topics) > 0 {
		next, err = f.bus.Subscribe(ctx, router.Subscription{SubscriberID: "output-" + f.name, Patterns: topics, Queue: queue})
	}
	f.mu.Lock()
	f.newest, f.topics, f.queue, f.err = next, topics, queue, err
	if next != nil {
		f.next = append(f.next, next)
	}
	f.mu.Unlock()
	wake(f.more)
	if before != nil {
		f.done.Go(func() { _ = before.Drain(ctx) }) // run takes what is queued, and waits for this
	}
}

// state returns what health needs. lost counts since the start.
func (f *feed) state() (held int, lost uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil && errors.Is(f.err, context.Canceled) {
		return len(f.held), f.lost, nil
	}
	return len(f.held), f.lost, f.err
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// drop forgets what is held, because nobody wants it any more.
func (f *feed) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held, f.bytes = nil, 0
	wake(f.space)
}
