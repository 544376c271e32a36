package live

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daemoneye/eventbus/agent/alert"
	"github.com/daemoneye/eventbus/agent/detect"
	"github.com/daemoneye/eventbus/agent/detect/window"
	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/agent/event/ecs"
	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// SubscriberID is what the subscription of a Runner is called in statistics.
const SubscriberID = "detection-engine"

// Options configure a Runner.
type Options struct {
	Host     Host
	Settings Settings
	// Queue is how many events may wait; 0: as many as the broker allows.
	Queue int
	// Memory is how many bytes of events are kept for the context of alerts; 0: none.
	Memory int
	// Identify returns who a client of the broker is, false where it has gone.
	Identify func(ctx context.Context, source uint32) (router.Identity, bool, error)
	// Owned reports whether there is a collector of that type of events, so that no other
	// collector may publish any.
	Owned func(event.Type) bool
	// Submit takes an alert. It must not wait. The alert is not touched afterwards.
	Submit func(*alert.Alert)
	Logger *slog.Logger // default slog.Default
}

// Runner runs rules on the events of a broker. Methods but Run are safe for concurrent
// use.
type Runner struct {
	o        Options
	identity *identity
	ended    atomic.Bool // by itself

	loading sync.Mutex // held by a load; it guards loader, and the order of loads
	loader  loader
	watched chan struct{} // has a value when the settings have changed

	// waiting is how many goroutines want mu: the loop lets go of it between two events
	// then.
	waiting atomic.Int32
	mu      sync.Mutex // held by the loop while it has events

	// guarded by mu
	settings Settings
	loaded   *loaded
	detector *detect.Detector
	recent   *recent
	fold     *fold
	sources  sources
	figures  figures
	costs    costs
	told     told      // of the event that is looked at
	buffer   []byte    // of foreign events
	now      time.Time // about
	last     time.Time // of the event before
}

// New makes a Runner that has no rules. It starts nothing.
func New(o Options) *Runner {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	r := &Runner{
		o: o, identity: newIdentity(), settings: o.Settings, loaded: emptyLoad(), recent: newRecent(o.Memory),
		sources: sources{identify: o.Identify, owned: o.Owned}, watched: make(chan struct{}, 1),
	}
	r.detector = r.loaded.rules.Detector()
	r.fold = newFold(r.raise)
	return r
}

// eventTypes are those that rules are about.
var eventTypes = []string{"process", "network", "filesystem", "performance"}

// drainTimeout is how long events that are queued are still looked at after the end.
const drainTimeout = 2 * time.Second

// Subscribe subscribes to what Run looks at. No event that is published after it has
// returned is missed without a gap.
func (r *Runner) Subscribe(ctx context.Context, bus router.Bus) (router.Subscriber, error) {
	most := uint8(frame.MaxPriority)
	return bus.Subscribe(ctx, router.Subscription{
		SubscriberID: SubscriberID, Patterns: []string{"events.*"}, Queue: r.o.Queue,
		Capabilities: router.Capabilities{EventTypes: eventTypes, Collectors: []string{"*"}, MaxPriority: &most},
	})
}

// Run looks at the events of sub, which is from Subscribe, until ctx ends: then it looks
// at those that are queued already, hands on what was gathered, and returns nil. It
// returns why sub ended, if that came before. It may be called once.
func (r *Runner) Run(ctx context.Context, sub router.Subscriber) error {
	watching, unwatch := context.WithCancel(ctx)
	defer unwatch()
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	parts.Go(func() {
		defer stop()
		r.loop(inner, sub)
	})
	parts.Go(func() { r.tick(inner) })
	parts.Go(func() {
		w := watcher{paths: r.watchedPaths, changed: func() { r.Load(ByWatch) }, log: r.o.Logger}
		w.run(watching, r.watched)
	})
	select {
	case <-ctx.Done():
		draining, cancel := context.WithTimeout(inner, drainTimeout)
		_ = sub.Drain(draining) // it closes the subscription in any case
		cancel()
	case <-inner.Done():
		unwatch()
	}
	parts.Wait()
	r.enter()
	defer r.mu.Unlock()
	r.fold.flush(time.Now(), true)
	if ctx.Err() != nil {
		return nil
	}
	r.ended.Store(true)
	return cmp.Or(sub.Err(), router.ErrClosed)
}

// enter takes mu within the time of an event, however many are queued.
func (r *Runner) enter() {
	r.waiting.Add(1)
	r.mu.Lock()
	r.waiting.Add(-1)
}

// loop looks at each message.
func (r *Runner) loop(ctx context.Context, sub router.Subscriber) {
	held := false
	for m := range sub.Messages(ctx) {
		if !held {
			r.mu.Lock()
			held = true
			r.now = time.Now()
		}
		r.message(ctx, m)
		if !m.More || r.waiting.Load() > 0 {
			r.mu.Unlock()
			held = false
		}
	}
	if held {
		r.mu.Unlock()
	}
}

const (
	flushInterval  = 100 * time.Millisecond
	expireInterval = 10 * time.Second
)

// tick does what is due without an event.
func (r *Runner) tick(ctx context.Context) {
	flushes, expiries := time.NewTicker(flushInterval), time.NewTicker(expireInterval)
	defer flushes.Stop()
	defer expiries.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-flushes.C:
			r.enter()
			r.fold.flush(time.Now(), false)
		case <-expiries.C:
			r.enter()
			r.detector.Expire(time.Now())
		}
		r.mu.Unlock()
	}
}

// sampled is of how many events one is measured.
const sampled = 1024

// message looks at one message.
func (r *Runner) message(ctx context.Context, m *router.Message) {
	if m.Gap != nil {
		r.queueLost(m.Gap)
		return
	}
	v, ok := r.eventOf(m)
	if !ok {
		r.figures.invalid++
		return
	}
	if why := r.sources.check(ctx, m.Frame.Source(), m.Topic(), v.Type()); why != genuine {
		r.forged(ctx, m, why, v.Type())
		return
	}
	if v.Table() == event.TableGap {
		r.collectorLost(v)
		return
	}
	f := &r.figures
	f.events++
	if f.events%sampled == 1 {
		f.lag = time.Duration(router.Now() - m.Published())
		r.now = time.Now()
	}
	r.last = v.Time()
	switch off := r.last.Sub(r.now); {
	case off > farOff:
		f.ahead++
	case off < -farOff:
		f.late++
	}
	r.recent.add(v)
	var found []detect.Detection
	if f.events%sampled == 0 {
		found = r.detector.ObserveTimed(v, r.costs.add)
		r.costs.events++
	} else {
		found = r.detector.Observe(v)
	}
	r.told = told{} // its memory may be another event's now
	for i := range found {
		f.matches++
		r.fold.add(r.identity.key(&found[i], v), &found[i], v, time.Now())
	}
}

// farOff is how far the time of an event may be from that of this host until it is
// counted.
const farOff = time.Minute

// eventOf returns the event of a message. One of somebody else comes as JSON, and is
// converted; the result is then valid until the next call.
func (r *Runner) eventOf(m *router.Message) (event.View, bool) {
	payload := m.Payload
	if m.Frame.Content() == frame.ContentJSON {
		var err error
		r.buffer, err = ecs.Convert(r.buffer[:0], payload, ecs.Foreign{Header: event.Header{
			Type: event.TypeByCategory(string(second(m.Topic()))), WallNs: r.now.UnixNano(), MonoNs: m.Published(),
		}})
		if err != nil {
			return nil, false
		}
		payload = r.buffer
	}
	v, err := event.Parse(payload)
	return v, err == nil
}

// raise hands on an alert.
func (r *Runner) raise(x *detect.Detection, v event.View, count uint64, first time.Time, many bool) {
	a := r.alertOf(x, v, count)
	if first.Before(a.First) {
		a.First = first
	}
	if many {
		a.DedupKey = manyText(x.Head)
		a.Incomplete = append(a.Incomplete, "the rule raised too many different alerts: this one stands for all that came since")
	}
	r.figures.alerts++
	r.o.Submit(a)
}

// queueLost notes that the broker dropped events because they were not taken in time.
func (r *Runner) queueLost(g *router.Gap) {
	now := time.Now()
	from := now
	if !r.last.IsZero() && r.last.Before(now) {
		from = r.last
	}
	r.detector.Lost(window.Loss{From: from, To: now})
	if r.figures.lost.add(g.Count, now) {
		r.o.Logger.Warn("detection lost events", "gap", g.String())
	}
}

// collectorLost notes what a collector announced to be lost.
func (r *Runner) collectorLost(v event.View) {
	l := window.Loss{Type: v.Type(), From: v.Time(), To: v.Time()}
	if x, ok := event.Copy[event.Loss](v); ok && x.Body.SinceNs > 0 && x.Body.SinceNs < v.WallNs() {
		l.From = time.Unix(0, x.Body.SinceNs)
	}
	r.detector.Lost(l)
	r.figures.gaps++
}

// forged counts an event that claims to be what it cannot be, and names its sender.
func (r *Runner) forged(ctx context.Context, m *router.Message, why forgery, t event.Type) {
	first := r.figures.forged.add(1, time.Now())
	if first || r.figures.forger == "" {
		reason, from := r.sources.describe(ctx, why, m.Frame.Source(), m.Topic(), t)
		r.figures.forger = from + ": " + reason
		r.o.Logger.Warn("event dropped by detection", "reason", reason, "from", from)
	}
}
