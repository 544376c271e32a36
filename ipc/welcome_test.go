package ipc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/ipc/policy"
	"github.com/daemoneye/eventbus/router"
)

// TestWelcomeNamesTheLimits holds that a client may go up to each limit that welcome
// names, and no further.
func TestWelcomeNamesTheLimits(t *testing.T) {
	t.Parallel()
	s := start(t, router.Options{MaxRequests: 3, MaxSubscriptions: 5}, ipc.Options{})
	responder := s.dial(t, ipc.ClientOptions{})
	begun := make(chan struct{}, 10)
	if _, err := responder.Respond(t.Context(), "a.b", func(ctx context.Context, _ *router.Request) ([]byte, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	c := s.dial(t, ipc.ClientOptions{})
	w := c.Welcome()
	if w.MaxRequests != 3 || w.MaxSubscriptions != 5 || w.ClockNs == 0 {
		t.Errorf("welcome is %+v", w)
	}
	for range w.MaxSubscriptions {
		subscribe(t, c, router.Subscription{Patterns: []string{"events.#"}})
	}
	if _, err := c.Subscribe(t.Context(), router.Subscription{Patterns: []string{"events.#"}}); !errors.Is(err, frame.ErrLimit) {
		t.Errorf("one subscription too many: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, w.MaxRequests)
	for range w.MaxRequests {
		go func() { // ends with ctx
			_, err := c.Request(ctx, "a.b", nil)
			ended <- err
		}()
		<-begun
	}
	if _, err := c.Request(t.Context(), "a.b", nil); !errors.Is(err, frame.ErrLimit) {
		t.Errorf("one request too many: %v", err)
	}
	cancel()
	for range w.MaxRequests {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("a request within the limit: %v", err)
		}
	}
}

// TestWelcomeNamesTheRights holds that a client may use each pattern that welcome names,
// and nothing beside them.
func TestWelcomeNamesTheRights(t *testing.T) {
	t.Parallel()
	mine := policy.Rights{Publish: []string{"events.a.#"}, Subscribe: []string{"events.#"}, Request: []string{"x.y"}}
	s := start(t, router.Options{}, ipc.Options{Policy: rules(t,
		policy.Rule{Rights: mine},
		policy.Rule{Roles: []string{"more"}, Rights: policy.Rights{Publish: []string{"events.a.#", "events.b"}}},
		policy.Rule{Roles: []string{"other"}, Rights: policy.Rights{Respond: []string{"#"}}},
	)})
	refused := make(chan error, 10)
	c := s.dial(t, ipc.ClientOptions{Role: "more", OnError: func(err error) { refused <- err }})
	w := c.Welcome()
	got := policy.Rights{Publish: w.Publish, Subscribe: w.Subscribe, Request: w.Request, Respond: w.Respond}
	want := policy.Rights{Publish: []string{"events.a.#", "events.b"}, Subscribe: []string{"events.#"}, Request: []string{"x.y"}, Respond: []string{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rights (-want +got):\n%s", diff)
	}
	for _, topic := range []string{"events.a", "events.a.b", "events.b"} {
		if err := c.Publish(t.Context(), router.Outgoing{Topic: topic}); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, c)
	if n := len(refused); n > 0 {
		t.Errorf("%d messages on granted topics were refused: %v", n, <-refused)
	}
	if err := c.Publish(t.Context(), router.Outgoing{Topic: "events.c"}); err != nil {
		t.Fatal(err)
	}
	if err := <-refused; !errors.Is(err, router.ErrDenied) {
		t.Errorf("a message beside them: %v", err)
	}
}

func TestWelcomeOfAServerWithoutAList(t *testing.T) {
	t.Parallel()
	all := []string{"#"}
	s := start(t, router.Options{}, ipc.Options{})
	if w := s.dial(t, ipc.ClientOptions{}).Welcome(); !cmp.Equal([][]string{w.Publish, w.Subscribe, w.Request, w.Respond}, [][]string{all, all, all, all}) {
		t.Errorf("without a policy welcome is %+v", w)
	}
	s = start(t, router.Options{}, ipc.Options{Policy: unlisted{}})
	if w := s.dial(t, ipc.ClientOptions{}).Welcome(); w.Publish != nil || w.Subscribe != nil || w.Request != nil || w.Respond != nil {
		t.Errorf("with a policy that is no list, welcome is %+v", w)
	}
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf("events.%d", i))
	}
	s = start(t, router.Options{}, ipc.Options{Policy: rules(t, policy.Rule{Rights: policy.Rights{Publish: many}})})
	if w := s.dial(t, ipc.ClientOptions{}).Welcome(); w.Publish != nil || w.Respond != nil || w.MaxRequests == 0 {
		t.Errorf("with more patterns than a frame holds, welcome is %+v", w)
	}
}

// unlisted is a policy that decides by a function.
type unlisted struct{}

func (unlisted) Admit(p *policy.Peer) (policy.Grant, error) {
	return policy.Grant{Name: p.Name, Authorize: func(_ router.Op, topic string) error {
		if strings.HasPrefix(topic, "no") {
			return router.ErrDenied
		}
		return nil
	}}, nil
}
