package broker_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/router"
	"github.com/daemoneye/eventbus/router/internal/brokertest"
)

func TestUrgentTopicsTravelInTheUrgentLane(t *testing.T) {
	b := serve(t, router.Options{Urgent: []string{"alerts.#", "control.*.stop"}, MaxQueued: 4, UrgentQueued: 2})
	c := client(t, b, "c")
	s := subscribe(t, c, router.Subscription{Patterns: []string{"events.#", "alerts.#", "control.#"}})
	publish(t, c, "events.a", numbers(0, 6)...)
	publish(t, c, "alerts.high", "fire")
	publish(t, c, "control.x.stop", "stop")
	publish(t, c, "control.x.start", "start")
	flush(t, c)
	want := []string{"!0 fire", "!1 stop", "gap 0-2: 3 of 147 bytes, queue full, oldest dropped", "3 3", "4 4", "5 5", "6 start"}
	if diff := cmp.Diff(want, read(t, s, len(want))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	stats(t, b)
}

// Clients of this process take turns at being routed first.
func TestClientsTakeTurnsAtBeingFirst(t *testing.T) {
	b := serve(t, router.Options{})
	c, d := client(t, b, "c"), client(t, b, "d")
	s := subscribe(t, c, router.Subscription{Patterns: []string{"a"}})
	var first []string
	for range 4 {
		inside, let := make(chan struct{}), make(chan struct{})
		b.Post(func() { close(inside); <-let })
		brokertest.Wait(t, inside)
		publish(t, c, "a", "c")
		publish(t, d, "a", "d")
		close(let)
		first = append(first, read(t, s, 2)[0])
	}
	for i := range first {
		first[i] = strings.Fields(first[i])[1]
	}
	if got := strings.Join(first, ""); got != "cdcd" && got != "dcdc" {
		t.Errorf("first are %s", got)
	}
}
