package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/config"
)

func TestExternalCollectorsAndLimits(t *testing.T) {
	l, err := config.Parse("f", []byte("collectors:\n  external: {gpu: 990, db: \"0:/usr/bin/dbwatch: x\"}\n  process: {limits: {cpu_percent: 50, memory: 64MiB}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]config.External{"gpu": {UID: 990}, "db": {UID: 0, Executable: "/usr/bin/dbwatch: x"}}
	if diff := cmp.Diff(want, l.Config.Collectors.Externals()); diff != "" {
		t.Errorf("external (-want +got):\n%s", diff)
	}
	if got := l.Config.LimitsOf("collectors.process"); got != (config.Limits{CPUPercent: 50, Memory: 64 << 20}) {
		t.Errorf("limits are %+v", got)
	}
	if got := l.Config.LimitsOf("log"); got != (config.Limits{}) {
		t.Errorf("a section without limits has %+v", got)
	}
}

// TestWhatIsAskedOfTheSectionOfACollector: a reload changes it, and its process has limits.
func TestWhatIsAskedOfTheSectionOfACollector(t *testing.T) {
	for _, k := range config.Keys() {
		if strings.HasPrefix(k.Name, "collectors.") && k.Restart {
			t.Errorf("%s waits for a restart of the agent", k.Name)
		}
		if section, ok := strings.CutSuffix(k.Name, ".enabled"); ok && strings.HasPrefix(section, "collectors.") {
			if config.Default().LimitsOf(section) == (config.Limits{}) {
				t.Errorf("%s has no limits", section)
			}
		}
	}
}
