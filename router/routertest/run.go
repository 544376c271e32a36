package routertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

// Start starts a broker with the options o. It returns the broker, and a function that
// makes clients of it. Start must use t.Cleanup to end the broker and the clients; a case
// may have closed a client before that.
type Start func(t *testing.T, o router.Options) (b *router.Broker, dial func(name string) router.Bus)

// Run runs all cases against the buses that start makes.
func Run(t *testing.T, start Start) {
	for _, group := range [][]testCase{publishing, confirming, settling, subscribing, overflowing, limiting, requesting, ending, contexts} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				defer func() {
					if t.Failed() {
						t.Logf("the rule: %s", c.rule)
					}
				}()
				b, dial := start(t, c.options)
				c.run(&suite{T: t, broker: b, dial: dial})
			})
		}
	}
}

// testCase is one rule and the function that tests it.
type testCase struct {
	name, rule string
	options    router.Options
	run        func(t *suite)
}

// suite is a running case. Its helpers end the case if they fail.
type suite struct {
	*testing.T
	broker *router.Broker
	dial   func(name string) router.Bus
}

// guard is the time after which a case that hangs fails.
const guard = time.Minute

func (t *suite) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	t.Cleanup(cancel)
	return ctx
}

func (t *suite) subscribe(bus router.Bus, spec router.Subscription) router.Subscriber {
	t.Helper()
	s, err := bus.Subscribe(t.ctx(), spec)
	if err != nil {
		t.Fatalf("Subscribe: %v", err)
	}
	return s
}

func (t *suite) publish(bus router.Bus, topic string, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if err := bus.Publish(t.ctx(), router.Outgoing{Topic: topic, Payload: []byte(p)}); err != nil {
			t.Fatalf("Publish on %s: %v", topic, err)
		}
	}
}

func (t *suite) publisher(bus router.Bus, topic string) router.Publisher {
	t.Helper()
	p, err := bus.Publisher(topic)
	if err != nil {
		t.Fatalf("Publisher of %s: %v", topic, err)
	}
	return p
}

func (t *suite) flush(bus router.Bus) {
	t.Helper()
	if err := bus.Flush(t.ctx()); err != nil {
		t.Fatalf("Flush: %v", err)
	}
}

func (t *suite) respond(bus router.Bus, target string, h router.Responder) router.Closer {
	t.Helper()
	c, err := bus.Respond(t.ctx(), target, h)
	if err != nil {
		t.Fatalf("Respond to %s: %v", target, err)
	}
	return c
}

// stats requests the broker's statistics.
func (t *suite) stats(bus router.Bus) (s router.Stats) {
	t.Helper()
	r, err := bus.Request(t.ctx(), router.StatsTarget, nil)
	if err == nil {
		err = json.Unmarshal(r.Payload, &s)
	}
	if err != nil {
		t.Fatalf("Request of %s: %v", router.StatsTarget, err)
	}
	return s
}

// stall stops the routing thread until resume is called. The end of the case also calls
// resume.
func (t *suite) stall() (resume func()) {
	t.Helper()
	stalled, resumed := make(chan struct{}), make(chan struct{})
	if !t.broker.Engine().Post(func() { close(stalled); <-resumed }) {
		t.Fatal("the broker has stopped")
	}
	receive(t, "the stall", stalled)
	resume = sync.OnceFunc(func() { close(resumed) })
	t.Cleanup(resume)
	return resume
}

// next returns copies of the next n messages; a gap fails the case.
func (t *suite) next(s router.Subscriber, n int) (got []*router.Message) {
	t.Helper()
	for m := range s.Messages(t.ctx()) {
		if m.Gap != nil {
			t.Fatalf("after %d messages: %s", len(got), m.Gap)
		}
		if got = append(got, m.Clone()); len(got) == n {
			return got
		}
	}
	t.Fatalf("the subscription ended after %d of %d messages: %v", len(got), n, s.Err())
	return nil
}

// expect checks that the next messages have these payloads, in this order.
func (t *suite) expect(s router.Subscriber, payloads ...string) {
	t.Helper()
	for i, m := range t.next(s, len(payloads)) {
		if string(m.Payload) != payloads[i] {
			t.Fatalf("message %d is %q, want %q", i, m.Payload, payloads[i])
		}
	}
}

// is checks that err is want.
func (t *suite) is(what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// isFault checks that err is want, as a fault that the broker reports. If text is not
// empty, it must be the fault's text.
func (t *suite) isFault(what string, err, want error, text string) {
	t.Helper()
	var fault *router.Fault
	if !errors.As(err, &fault) || !errors.Is(err, want) || fault.Code != frame.CodeOf(want) || text != "" && fault.Text != text {
		t.Errorf("%s: %T %v, want a fault that is %v, %q", what, err, err, want, text)
	}
}

// receive waits for a value.
func receive[T any](t *suite, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-t.ctx().Done():
		t.Fatalf("%s does not come", what)
		panic("unreachable")
	}
}

// numbers are the payloads from..to-1.
func numbers(from, to int) (s []string) {
	for i := from; i < to; i++ {
		s = append(s, fmt.Sprint(i))
	}
	return s
}
