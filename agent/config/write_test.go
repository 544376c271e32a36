package config_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/config"
)

// TestTheDefaultFile explains each key, has nothing but defaults, and fits a terminal.
func TestTheDefaultFile(t *testing.T) {
	var b bytes.Buffer
	if err := config.WriteDefault(&b); err != nil {
		t.Fatal(err)
	}
	l, err := config.Parse("f", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Default(), l.Config); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, k := range config.Keys() {
		if l.Origin(k.Name).Layer != config.LayerFile {
			t.Errorf("%s is not there", k.Name)
		}
	}
	checkWidth(t, b.String())
	if !strings.Contains(b.String(), "  # Clients at most (1 to 100000). Also called connection_pool_size. Reloadable.\n  max_connections: 64\n") {
		t.Errorf("got:\n%s", b.String())
	}
}

// TestAConfigurationIsWrittenAsItIs: what is shown can be read, whatever is in it,
// and each origin has room in 80 columns but for a path that has not.
func TestAConfigurationIsWrittenAsItIs(t *testing.T) {
	text := "instance_id: \"true\"\nbroker: {socket_path: \"/x #\\\"y: ü\", latency_budget: 1ms, overflow_policies: []}\n"
	l, err := config.Parse("/etc/daemoneye/config.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, origins := range []bool{false, true} {
		var b bytes.Buffer
		if err := l.Write(&b, origins); err != nil {
			t.Fatal(err)
		}
		again, err := config.Parse("f", b.Bytes())
		if err != nil || !cmp.Equal(again.Config, l.Config) {
			t.Errorf("%v in\n%s", err, b.String())
		}
		checkWidth(t, b.String())
		if want := "  latency_budget: 1ms                   # /etc/daemoneye/config.yaml:2\n"; strings.Contains(b.String(), want) != origins {
			t.Errorf("origins %v, got\n%s", origins, b.String())
		}
	}
}

func checkWidth(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if utf8.RuneCountInString(line) > 81 { // with its end
			t.Errorf("more than 80 columns: %s", line)
		}
	}
}
