package daemon

import (
	"testing"

	"github.com/daemoneye/eventbus/agent/config"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

func TestTheFlagCollectorsEnablesWhatItNames(t *testing.T) {
	t.Setenv(config.FileVariable, cli.NoFile)
	t.Setenv(config.Lookup("host_id").Env, "")
	for list, want := range map[string]bool{"process": true, "none": false, "": false} {
		var s cli.Settings
		if err := onlyCollectors(&s, list); err != nil {
			t.Fatal(err)
		}
		l, err := s.Load()
		if err != nil || l.Config.Collectors.Process.Enabled != want {
			t.Errorf("%q: %+v, %v", list, l.Config.Collectors, err)
		}
	}
	for _, list := range []string{"process,process", "weather", "process,", "enabled"} {
		if err := onlyCollectors(new(cli.Settings), list); err == nil {
			t.Errorf("%q is taken", list)
		}
	}
}
