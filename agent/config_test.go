package agent_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/router"
)

// TestEachKeyOfTheBrokerHasAnEffect: a key that nothing reads must not be there.
func TestEachKeyOfTheBrokerHasAnEffect(t *testing.T) {
	elsewhere := map[string]bool{ // and tested there
		"broker.socket_path":         true,
		"broker.enable_statistics":   true,
		"broker.stats_interval_secs": true,
	}
	was := agent.OptionsOf(config.Default())
	for _, k := range config.Keys() {
		if !strings.HasPrefix(k.Name, "broker.") || elsewhere[k.Name] {
			continue
		}
		value := "3"
		switch k.Name {
		case "broker.max_message_size", "broker.max_memory_bytes":
			value = "2MiB"
		case "broker.latency_budget":
			value = "2ms"
		case "broker.overflow_policies":
			value = "conflate"
		}
		l, err := config.Load(config.Sources{Flags: []config.Setting{{Flag: "-set", Key: k.Name, Value: value}}})
		if err != nil {
			t.Fatal(err)
		}
		if reflect.DeepEqual(was, agent.OptionsOf(l.Config)) {
			t.Errorf("%s has no effect", k.Name)
		}
	}
}

// TestTheDefaultsAreThoseOfTheBroker and of its server: what an operator reads is
// what a program that embeds them gets.
func TestTheDefaultsAreThoseOfTheBroker(t *testing.T) {
	b, err := router.New(router.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, got := b.Options(), agent.OptionsOf(config.Default()).Broker
	if b, err = router.New(got); err != nil {
		t.Fatal(err)
	}
	got = b.Options()
	// These are the agent's own.
	got.Urgent, got.Replay, got.LatencyBudget, got.Overflows = nil, nil, 0, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-broker +agent:\n%s", diff)
	}
}

// TestAnEmptyListOfPoliciesAllowsOnlyOne: nil would allow all.
func TestAnEmptyListOfPoliciesAllowsOnlyOne(t *testing.T) {
	r := start(t, agent.Options{Config: configured(func(c *config.Config) { c.Broker.OverflowPolicies = []string{} })})
	client := r.dial(ipc.ClientOptions{})
	if _, err := client.Subscribe(t.Context(), router.Subscription{Patterns: []string{"events.#"}, Overflow: router.Conflate}); err == nil {
		t.Error("conflate is taken")
	}
	subscribe(t, client, router.Subscription{Patterns: []string{"events.#"}, Overflow: router.DropOldest})
}
