package broker_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/broker"
	"github.com/daemoneye/eventbus/router/inproc"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

// replayed subscribes from a sequence on, publishes one live message on topic
// a.live, and returns everything up to that.
func replayed(t *testing.T, b *broker.Broker, c *inproc.Client, spec router.Subscription) (lines []string) {
	t.Helper()
	s := subscribe(t, c, spec)
	defer s.Close()
	publish(t, c, "a.live", "live")
	flush(t, c)
	for m := range s.Messages(within(t)) {
		lines = append(lines, line(m))
		if m.Gap == nil && string(m.Payload) == "live" {
			stats(t, b)
			return lines
		}
	}
	t.Fatalf("ended after %q", lines)
	return nil
}

func from(seq uint64, patterns ...string) router.Subscription {
	return router.Subscription{Patterns: patterns, ReplayFrom: seq}
}

// The rules below leave a.live out, so that the live message of each call of replayed does
// not change what is kept.
func TestReplay(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rules []router.ReplayRule
		do    func(c *inproc.Client)
		spec  router.Subscription
		want  []string
	}{
		{
			name:  "everything, in order, then what is live",
			rules: []router.ReplayRule{{Pattern: "a.x"}},
			do:    func(c *inproc.Client) { publish(t, c, "a.x", numbers(1, 4)...) },
			spec:  from(1, "a.#"),
			want:  []string{"0 1", "1 2", "2 3", "3 live"},
		},
		{
			name:  "from a sequence on",
			rules: []router.ReplayRule{{Pattern: "a.x"}},
			do:    func(c *inproc.Client) { publish(t, c, "a.x", numbers(1, 6)...) },
			spec:  from(4, "a.#"),
			want:  []string{"0 4", "1 5", "2 live"},
		},
		{
			name:  "from the next sequence on, nothing is missing",
			rules: []router.ReplayRule{{Pattern: "a.x"}},
			do:    func(c *inproc.Client) { publish(t, c, "a.x", numbers(1, 6)...) },
			spec:  from(6, "a.#"),
			want:  []string{"0 live"},
		},
		{
			name:  "a sequence of an earlier broker's life",
			rules: []router.ReplayRule{{Pattern: "a.x"}},
			do:    func(c *inproc.Client) { publish(t, c, "a.x", "1", "2") },
			spec:  from(700, "a.#"),
			want:  []string{"gap 0-0: 0 of 0 bytes, replay expired", "0 1", "1 2", "2 live"},
		},
		{
			name:  "the count is bound, and what fell out is a gap of known size",
			rules: []router.ReplayRule{{Pattern: "a.x", MaxCount: 3}},
			do:    func(c *inproc.Client) { publish(t, c, "a.x", numbers(1, 8)...) },
			spec:  from(3, "a.#"),
			want:  []string{"gap 0-1: 2 of 88 bytes, replay expired", "2 5", "3 6", "4 7", "5 live"},
		},
		{
			name:  "the bytes are bound",
			rules: []router.ReplayRule{{Pattern: "a.x", MaxBytes: 2*44 + 10}},
			do:    func(c *inproc.Client) { publish(t, c, "a.x", numbers(1, 5)...) },
			spec:  from(1, "a.#"),
			want:  []string{"gap 0-1: 2 of 88 bytes, replay expired", "2 3", "3 4", "4 live"},
		},
		{
			name:  "messages that no pattern matches are no loss",
			rules: []router.ReplayRule{{Pattern: "#", MaxCount: 2}},
			do: func(c *inproc.Client) {
				publish(t, c, "b", numbers(1, 4)...)
				publish(t, c, "a.x", "4", "5")
			},
			spec: from(1, "a.x", "a.live"),
			want: []string{"0 4", "1 5", "2 live"},
		},
		{
			name:  "what two rules keep comes once, what two rules lost is counted once",
			rules: []router.ReplayRule{{Pattern: "a.+", MaxCount: 2}, {Pattern: "a.x", MaxCount: 4}},
			do:    func(c *inproc.Client) { publish(t, c, "a.x", numbers(1, 7)...) },
			spec:  from(1, "a.#"),
			want:  []string{"gap 0-1: 2 of 88 bytes, replay expired", "2 3", "3 4", "4 5", "5 6", "6 live"},
		},
		{
			name:  "two topics keep their common order",
			rules: []router.ReplayRule{{Pattern: "a.x"}, {Pattern: "a.y"}},
			do: func(c *inproc.Client) {
				for _, p := range numbers(1, 5) {
					publish(t, c, "a."+string("xy"[p[0]%2]), p)
				}
			},
			spec: from(1, "a.#"),
			want: []string{"0 1", "1 2", "2 3", "3 4", "4 live"},
		},
		{
			name:  "a filter makes a loss one of unknown size",
			rules: []router.ReplayRule{{Pattern: "a.x", MaxCount: 2}},
			do:    func(c *inproc.Client) { publish(t, c, "a.x", numbers(1, 5)...) },
			spec:  router.Subscription{Patterns: []string{"a.#"}, ReplayFrom: 1, Capabilities: router.Capabilities{Collectors: []string{"c"}}},
			want:  []string{"gap 0-0: 0 of 0 bytes, replay expired", "0 3", "1 4", "2 live"},
		},
		{
			name:  "an urgent topic is lost in its lane",
			rules: []router.ReplayRule{{Pattern: "u", MaxCount: 1}},
			do:    func(c *inproc.Client) { publish(t, c, "u", "1", "2") },
			spec:  from(1, "a.#", "u"),
			want:  []string{"!gap 0-0: 1 of 42 bytes, replay expired", "!1 2", "0 live"},
		},
		{
			name:  "a retained value that is replayed comes once",
			rules: []router.ReplayRule{{Pattern: "a.x", MaxCount: 2}},
			do: func(c *inproc.Client) {
				retain(t, c, "a.x", "1")
				publish(t, c, "a.x", "2", "3", "4")
			},
			spec: router.Subscription{Patterns: []string{"a.#"}, ReplayFrom: 1, Retained: true},
			want: []string{"gap 0-0: 1 of 44 bytes, replay expired", "1 1", "2 3", "3 4", "4 live"},
		},
		{
			name:  "a queue that conflates announces what is missing",
			rules: []router.ReplayRule{{Pattern: "a.x", MaxCount: 2}},
			do:    func(c *inproc.Client) { publish(t, c, "a.x", numbers(1, 4)...) },
			spec:  router.Subscription{Patterns: []string{"a.#"}, ReplayFrom: 1, Overflow: router.Conflate},
			want:  []string{"gap 0-1: 2 of 88 bytes, replay expired", "2 3", "3 live"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := serve(t, router.Options{Replay: tc.rules, Urgent: []string{"u"}})
			c := client(t, b, "c")
			tc.do(c)
			if diff := cmp.Diff(tc.want, replayed(t, b, c, tc.spec)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReplayForgetsWhatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, stop := serveUntil(t, router.Options{Replay: []router.ReplayRule{{Pattern: "a.x", MaxAge: 10 * time.Second}}})
		c := brokertest.Connect(b, "c")
		publish(t, c, "a.x", "1", "2")
		flush(t, c)
		time.Sleep(6 * time.Second)
		publish(t, c, "a.x", "3")
		flush(t, c)
		// It expires although nothing is published and no tick has come.
		time.Sleep(4*time.Second + time.Millisecond)
		want := []string{"gap 0-1: 2 of 88 bytes, replay expired", "2 3", "3 live"}
		if diff := cmp.Diff(want, replayed(t, b, c, from(1, "a.#"))); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		c.Close()
		stop()
	})
}

// A replay keeps a bounded number of records of expired messages. Beyond it, a gap has no
// number. That must not affect subscribers which those messages would not have matched.
func TestReplayRemembersABoundedPast(t *testing.T) {
	b := serve(t, router.Options{Replay: []router.ReplayRule{{Pattern: "b.#", MaxCount: 1}, {Pattern: "a.x"}}})
	c := client(t, b, "c")
	p, err := c.Publisher("b.x")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 * broker.MaxExpired {
		if err := p.Publish(nil); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, c, "a.x", "1")
	if diff := cmp.Diff([]string{"0 1", "1 live"}, replayed(t, b, c, from(1, "a.#"))); diff != "" {
		t.Errorf("who did not want them (-want +got)\n%s", diff)
	}
	got := replayed(t, b, c, from(1, "#"))
	if want := "gap 0-0: 0 of 0 bytes, replay expired"; len(got) != 4 || got[0] != want {
		t.Errorf("who wanted them: %q, want %q first", got, want)
	}
	got = replayed(t, b, c, from(3*broker.MaxExpired-9, "#"))
	if len(got) != 4 || !strings.HasPrefix(got[0], "gap 0-8: 9 of 387 bytes") {
		t.Errorf("the latest of them: %q, want a gap of 9", got)
	}
}
