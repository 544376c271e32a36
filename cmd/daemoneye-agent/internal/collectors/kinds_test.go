package collectors

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/collector"
	"github.com/daemoneye/eventbus/agent/collector/host"
	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// TestEachCollectorTakesItsSection: what the configuration has below its name is what it
// reads, by default and with every word that may be chosen.
func TestEachCollectorTakesItsSection(t *testing.T) {
	if got, want := cli.CollectorNames(), namesOfKinds(); !slices.Equal(got, want) {
		t.Fatalf("the configuration has the collectors %v, the table %v", got, want)
	}
	for _, k := range Kinds {
		section := "collectors." + k.Name
		c, err := k.make(config.Default().Section(section), host.Host{})
		if err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		able, ok := c.(collector.Able)
		if !ok {
			t.Errorf("%s does not say what it can do", k.Name)
			continue
		}
		var values map[string]any
		if err := json.Unmarshal(config.Default().Section(section), &values); err != nil {
			t.Fatal(err)
		}
		a := able.Abilities()
		if diff := cmp.Diff(slices.Sorted(maps.Keys(values)), a.Config); diff != "" {
			t.Errorf("settings of %s (-configuration +collector):\n%s", k.Name, diff)
		}
		if !slices.Equal(a.EventTypes, []string{k.Name}) || !slices.Contains(a.Topics, "events."+k.Name+".gap") {
			t.Errorf("%s can do %+v", k.Name, a)
		}
		if _, err := k.make([]byte(`{"surprise":1}`), host.Host{}); err == nil {
			t.Errorf("%s takes a key that there is not", k.Name)
		}
	}
}

func namesOfKinds() (all []string) {
	for _, k := range Kinds {
		all = append(all, k.Name)
	}
	return all
}
