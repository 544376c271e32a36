package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/frame"
	"github.com/daemoneye/eventbus/router"
)

func TestARequestIsAnswered(t *testing.T) {
	b := serve(t, router.Options{})
	c, d := client(t, b, "c"), client(t, b, "d")
	everything := subscribe(t, d, router.Subscription{SubscriberID: "everything", Patterns: []string{"#"}})
	respond(t, d, "echo.it", echo)
	for _, body := range []string{"hello", ""} {
		r, err := c.Request(within(t), "echo.it", []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(r.Payload), "re: "+body; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if names := map[uint32]string{}; true {
			for _, cl := range stats(t, b).Clients {
				names[cl.Source] = cl.Name
			}
			if names[r.Source] != "d" {
				t.Errorf("the answer is of %q, want d", names[r.Source])
			}
		}
	}
	if s := stats(t, b); s.Requests != 2 || s.OpenRequests != 0 {
		t.Errorf("%d requests, %d open", s.Requests, s.OpenRequests)
	}
	if n := statsOf(t, b, "everything").Matched; n != 0 {
		t.Errorf("a subscriber got %d requests", n)
	}
	_ = everything
}

func TestARequestWithoutAResponderFailsAtOnce(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	closer := respond(t, c, "there", echo)
	if _, err := c.Request(context.Background(), "elsewhere", nil); !errors.Is(err, router.ErrNoResponder) {
		t.Errorf("%v, want ErrNoResponder", err)
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Request(context.Background(), "there", nil); !errors.Is(err, router.ErrNoResponder) {
		t.Errorf("after Close: %v, want ErrNoResponder", err)
	}
	respond(t, c, "there", echo)
	if _, err := c.Request(context.Background(), "there", nil); err != nil {
		t.Errorf("after another Respond: %v", err)
	}
	if n := stats(t, b).NoResponder; n != 2 {
		t.Errorf("%d are counted, want 2", n)
	}
}

func TestAnAnswerThatIsTooLargeFailsAtOnce(t *testing.T) {
	b := serve(t, router.Options{MaxMessageSize: 1000})
	c := client(t, b, "c")
	respond(t, c, "large", func(context.Context, *router.Request) ([]byte, error) { return make([]byte, 1000), nil })
	_, err := c.Request(within(t), "large", nil)
	var failed *router.Fault
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "answer: max_message_size is 1000, got 10") {
		t.Errorf("%v, want that the answer is too large", err)
	}
}

func TestRequestsAreCheckedBeforeTheyAreSent(t *testing.T) {
	b := serve(t, router.Options{MaxMessageSize: 1000})
	c := client(t, b, "c")
	respond(t, c, "there", echo)
	if _, err := c.Request(within(t), "not.a topic", nil); !errors.Is(err, frame.ErrTopic) {
		t.Errorf("a bad target: %v", err)
	}
	var limit *router.LimitError
	if _, err := c.Request(within(t), "there", make([]byte, 1000)); !errors.As(err, &limit) || limit.Limit != "max_message_size" {
		t.Errorf("a large body: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Request(ctx, "there", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

func TestAFailedHandlerFailsItsRequestOnly(t *testing.T) {
	b := serve(t, router.Options{})
	c := client(t, b, "c")
	respond(t, c, "fails", func(_ context.Context, r *router.Request) ([]byte, error) {
		switch string(r.Payload) {
		case "plain":
			return nil, errors.New("not today")
		case "coded":
			return []byte("ignored"), &router.Fault{Code: 2000, Text: "bad config"}
		case "reserved code":
			return nil, &router.Fault{Code: frame.CodeNoResponder, Text: "I am not here"}
		case "panic":
			panic("at the disco")
		}
		return []byte("fine"), nil
	})
	for _, tc := range []struct {
		body string
		want router.Fault
	}{
		{"plain", router.Fault{Code: frame.CodeFailed, Text: "not today"}},
		{"coded", router.Fault{Code: 2000, Text: "bad config"}},
		{"reserved code", router.Fault{Code: frame.CodeFailed, Text: "I am not here"}},
		{"panic", router.Fault{Code: frame.CodeFailed, Text: "responder panicked: at the disco"}},
	} {
		_, err := c.Request(within(t), "fails", []byte(tc.body))
		var re *router.Fault
		if !errors.As(err, &re) || !errors.Is(err, frame.ErrFailed) {
			t.Errorf("%s: %v, want a *Fault", tc.body, err)
			continue
		}
		if diff := cmp.Diff(tc.want, *re); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tc.body, diff)
		}
	}
	if r, err := c.Request(within(t), "fails", nil); err != nil || string(r.Payload) != "fine" {
		t.Errorf("after the panic: %q, %v", r.Payload, err)
	}
}

func TestRespondersShareTheRequests(t *testing.T) {
	b := serve(t, router.Options{})
	c, d, e := client(t, b, "c"), client(t, b, "d"), client(t, b, "e")
	respond(t, d, "work", func(context.Context, *router.Request) ([]byte, error) { return []byte("d"), nil })
	respond(t, e, "work", func(context.Context, *router.Request) ([]byte, error) { return []byte("e"), nil })
	got := map[string]int{}
	for range 10 {
		r, err := c.Request(within(t), "work", nil)
		if err != nil {
			t.Fatal(err)
		}
		got[string(r.Payload)]++
	}
	if diff := cmp.Diff(map[string]int{"d": 5, "e": 5}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestStatisticsAreAskedForLikeAnythingElse(t *testing.T) {
	b := serve(t, router.Options{Name: "tested"})
	c := client(t, b, "c")
	subscribe(t, c, router.Subscription{SubscriberID: "s", Patterns: []string{"a"}, Queue: 2})
	publish(t, c, "a", numbers(0, 5)...)
	r, err := c.Request(within(t), router.StatsTarget, nil)
	if err != nil {
		t.Fatal(err)
	}
	var s router.Stats
	if err := json.Unmarshal(r.Payload, &s); err != nil {
		t.Fatalf("%s: %v", r.Payload, err)
	}
	if r.Content != frame.ContentJSON || s.Broker != "tested" || s.Published != 5 || s.Dropped != 3 || len(s.Clients) != 1 || len(s.Subscriptions) != 1 {
		t.Errorf("content %d: %s", r.Content, r.Payload)
	}
}

func TestStatisticsFitIntoAMessage(t *testing.T) {
	b := serve(t, router.Options{MaxMessageSize: 8 << 10})
	c := client(t, b, "c")
	for range 40 {
		subscribe(t, c, router.Subscription{SubscriberID: strings.Repeat("x", 250), Patterns: []string{"a"}})
	}
	r, err := c.Request(within(t), router.StatsTarget, nil)
	if err != nil {
		t.Fatal(err)
	}
	var s router.Stats
	if err := json.Unmarshal(r.Payload, &s); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Subscriptions); !s.Truncated || n == 0 || n == 40 || len(r.Payload) > 8<<10 {
		t.Errorf("truncated: %v, %d subscriptions, %d bytes", s.Truncated, n, len(r.Payload))
	}
}
