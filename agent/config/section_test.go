package config_test

import (
	"testing"
	"time"

	"github.com/daemoneye/eventbus/agent/config"
)

func TestASectionAsJSON(t *testing.T) {
	c := config.Default()
	c.Collectors.Process.PollInterval = 20 * time.Millisecond
	for section, want := range map[string]string{
		"collectors.process": `{"exclude_executables":[],"exclude_units":[],"exclude_users":[],"forks":false,"include_executables":[],"include_units":[],"include_users":[],"integrity":true,"integrity_max_size":268435456,"integrity_rate":16777216,"poll_interval":20000000,"redact":[],"source":"auto"}`,
		"log":                `{"format":"text","level":"info"}`,
		"collectors":         `{"external":{}}`, // sections below it are not in it
		"nowhere":            `{}`,
	} {
		if got := string(c.Section(section)); got != want {
			t.Errorf("%s: %s, want %s", section, got, want)
		}
	}
	for section, want := range map[string]bool{"collectors.process": true, "log": false, "nowhere": false, "": false} {
		if got := c.Enabled(section); got != want {
			t.Errorf("%q is enabled: %v, want %v", section, got, want)
		}
	}
}
