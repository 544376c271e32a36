package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/config"
)

// TestMistakesOfAFile holds the whole text of each error: place, key, what is wrong,
// what would be right.
func TestMistakesOfAFile(t *testing.T) {
	tests := []struct {
		name, text string
		reason     error
		want       string
	}{
		{"an unknown key", "broker:\n  max_conections: 5\n", config.ErrUnknown,
			"f:2:3: broker.max_conections: unknown key; do you mean broker.max_connections?"},
		{"of an unknown section", "brokr:\n  max_connections: 5\n", config.ErrUnknown,
			"f:1:1: brokr: unknown key; do you mean broker?"},
		{"in the wrong section", "max_connections: 5\n", config.ErrUnknown,
			"f:1:1: max_connections: unknown key; do you mean broker.max_connections?"},
		{"like nothing else", "weather: fine\n", config.ErrUnknown, "f:1:1: weather: unknown key"},
		{"with colours", "\"\\e[31mred\": 1\n", config.ErrUnknown, "f:1:1: \uFFFD[31mred: unknown key"},
		{"a key that is no word", "[a]: 1\n", config.ErrUnknown, "f:1:1: a key is a word"},
		{"a merge key", "broker:\n  <<: {max_connections: 3}\n", config.ErrUnknown,
			"f:2:3: broker.<<: merge keys are not read: write the keys out"},
		{"a duplicate key", "log: {level: info}\nbroker:\n  max_requests: 5\n  max_requests: 5\n", config.ErrDuplicate,
			"f:4:3: broker.max_requests: duplicate key, the first is in line 3"},
		{"a duplicate section", "log: {level: info}\nlog: {level: info}\n", config.ErrDuplicate,
			"f:2:1: log: duplicate key, the first is in line 1"},
		{"two names that disagree", "broker:\n  connection_pool_size: 5\n  max_connections: 6\n", config.ErrConflict,
			"f:3:20: broker.max_connections is 6, but broker.connection_pool_size in line 2, which is the same, is 5"},
		{"no regular expression", "collectors: {network: {redact: [\"ok\", \"(\"]}}", config.ErrValue,
			"f:1:32: collectors.network.redact: \"(\": error parsing regexp: missing closing ): `(`"},
		{"no pattern of a path", "collectors: {filesystem: {paths: [\"/etc/[a\"]}}", config.ErrValue,
			`f:1:34: collectors.filesystem.paths: "/etc/[a": syntax error in pattern`},
		{"no range of users", "collectors: {process: {exclude_users: [root]}}", config.ErrValue,
			`f:1:39: collectors.process.exclude_users: "root": want numbers, or ranges such as 1000-60000`},
		{"no number", "broker: {max_connections: many}", config.ErrValue,
			`f:1:27: broker.max_connections is "many", want a whole number`},
		{"a fraction", "broker: {max_connections: 1.5}", config.ErrValue, "f:1:27: broker.max_connections is 1.5, want a whole number"},
		{"a number that is too large for any", "broker: {max_connections: 99999999999999999999}", config.ErrValue,
			"f:1:27: broker.max_connections is 99999999999999999999, want a whole number"},
		{"a number in quotes", "broker: {max_connections: \"5\"}", config.ErrValue,
			"f:1:27: broker.max_connections: want 5 without quotes"},
		{"below its bound", "broker: {max_connections: 0}", config.ErrValue, "f:1:27: broker.max_connections is 0, want 1 to 100000"},
		{"below a bound with a reason", "broker: {max_message_size: 65535}", config.ErrValue,
			"f:1:28: broker.max_message_size is 65535, want at least 64KiB: an event may be as large"},
		{"above its bound", "broker: {max_message_size: 1GiB}", config.ErrValue,
			"f:1:28: broker.max_message_size is 1GiB, want 64KiB to 64MiB"},
		{"less memory than a message", "broker: {max_memory_bytes: 1000}", config.ErrConflict,
			"f:1:28: broker.max_memory_bytes is 1000B, want at least broker.max_message_size, which is 1MiB"},
		{"no size", "broker: {max_memory_bytes: 5M}", config.ErrValue,
			"f:1:28: broker.max_memory_bytes is 5M, want bytes, or a number with B, KB, MB, GB, KiB, MiB or GiB"},
		{"a duration without a unit", "broker: {latency_budget: 5}", config.ErrValue,
			"f:1:26: broker.latency_budget is 5, want a number with a unit, such as 500ms, 30s, 5m, 1h30m or 2d"},
		{"seconds that are none", "broker: {stats_interval_secs: soon}", config.ErrValue,
			`f:1:31: broker.stats_interval_secs is "soon", want seconds, or a number with a unit, such as 500ms, 5m or 2d`},
		{"neither true nor false", "broker: {enable_statistics: yes}", config.ErrValue,
			`f:1:29: broker.enable_statistics is "yes", want true or false`},
		{"a word that is none", "log: {level: loud}", config.ErrValue, `f:1:14: log.level is "loud", want debug, info, warn or error`},
		{"a name with a slash", "instance_id: ../x", config.ErrValue,
			`f:1:14: instance_id is "../x", want letters, digits, _ and - only`},
		{"labels that are too long together", "labels: {a: " + strings.Repeat("x", 1021) + "}", config.ErrValue,
			"f:1:9: labels have 1025 bytes together, 3 for each counted, want at most 1024"},
		{"an external collector without a user", "collectors: {external: {gpu: root}}", config.ErrValue,
			`f:1:24: collectors.external: "gpu" is "root", want UID or UID:/PATH, such as 990:/usr/local/bin/gpud`},
		{"an external collector with the name of our own", "collectors:\n  external:\n    process: 1", config.ErrConflict,
			"f:3:14: collectors.external.process: the agent itself uses the name process"},
		{"a label with a space", "labels: {\"a b\": x}", config.ErrValue,
			`f:1:9: labels: name "a b": want 1 to 64 letters, digits, _, . and -`},
		{"a label that is a section", "labels: {env: {prod: x}}", config.ErrValue, "f:1:15: labels.env: want one value"},
		{"a label without a value", "labels: {env: }", config.ErrValue, "f:1:15: labels.env: has no value: give one, or leave the key out"},
		{"a host id with a slash", "host_id: a/b", config.ErrValue, `f:1:10: host_id is "a/b", want letters, digits, ., _, : and - only`},
		{"a path that is too long", "broker: {socket_path: /" + strings.Repeat("x", 107) + "}", config.ErrValue,
			`f:1:23: broker.socket_path is "/` + strings.Repeat("x", 79) + `...", want at most 107 bytes`},
		{"no value", "broker:\n  max_connections:\n", config.ErrValue,
			"f:2:19: broker.max_connections: has no value: give one, or leave the key out"},
		{"a section for a value", "broker: {max_connections: {a: 1}}", config.ErrValue, "f:1:27: broker.max_connections: want one value"},
		{"a value for a section", "broker: 5", config.ErrValue, "f:1:9: broker: want its keys below it"},
		{"a list for the whole", "- a\n", config.ErrValue, "f:1:1: want keys and values"},
		{"no list", "broker: {overflow_policies: conflate}", config.ErrValue,
			"f:1:29: broker.overflow_policies: want a list, such as [drop-oldest,drop-newest,conflate,disconnect]"},
		{"a list of what is not known", "broker: {overflow_policies: [conflate, block]}", config.ErrValue,
			`f:1:29: broker.overflow_policies: "block": want drop-oldest, drop-newest, conflate or disconnect`},
		{"a list with something twice", "broker: {overflow_policies: [conflate, conflate]}", config.ErrValue,
			`f:1:29: broker.overflow_policies: "conflate" stands there twice`},
		{"a list in a list", "broker: {overflow_policies: [[conflate]]}", config.ErrValue, "f:1:30: broker.overflow_policies: want one value"},
		{"a tag of its own", "instance_id: !secret x", config.ErrValue, "f:1:14: instance_id: tag !secret is not read"},
		{"bytes", "instance_id: !!binary eA==", config.ErrValue, "f:1:14: instance_id: tag !!binary is not read"},
		{"two documents", "log: {level: info}\n---\nlog: {level: warn}\n", config.ErrSyntax, "f:2:1: a second document begins here, want one"},
		{"a tab", "broker:\n\tmax_connections: 5\n", config.ErrSyntax, "f:2:1: not YAML: a tab in the indentation, want spaces"},
		{"no YAML", "broker: {max_connections: 5\n", config.ErrSyntax, "f:1: not YAML: did not find expected ',' or '}'"},
		{"no text", "broker: \x00\n", config.ErrSyntax, "f: not YAML: control characters are not allowed"},
		{"an anchor that is not there", "broker: *nobody", config.ErrSyntax, "f: not YAML: unknown anchor 'nobody' referenced"},
		{"an anchor around itself", "broker: &a\n  max_connections: *a\n", config.ErrValue,
			"f:2:20: broker.max_connections: want one value"},
		{"a section around itself", "broker: &a\n  <<: *a\n", config.ErrUnknown, "f:2:3: broker.<<: merge keys are not read: write the keys out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := config.Parse("f", []byte(tt.text))
			var all *config.Errors
			if !errors.As(err, &all) {
				t.Fatalf("taken, or another kind of error: %v", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if !errors.Is(err, tt.reason) {
				t.Errorf("%v is not %v", err, tt.reason)
			}
			if diff := cmp.Diff(config.Default(), l.Config); diff != "" && tt.reason != config.ErrConflict && !strings.HasPrefix(tt.name, "labels") && tt.reason != config.ErrDuplicate {
				t.Errorf("a mistake has an effect (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllMistakesAreReportedInTheirOrder(t *testing.T) {
	_, err := config.Parse("f", []byte("a: 1\nbroker: {max_connections: 0, b: 2}\nc: 3\n"))
	want := "f:1:1: a: unknown key\nf:2:27: broker.max_connections is 0, want 1 to 100000\nf:2:30: broker.b: unknown key\nf:3:1: c: unknown key"
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// TestMistakesAreBounded: a file of a megabyte may be nothing but mistakes.
func TestMistakesAreBounded(t *testing.T) {
	var b strings.Builder
	for i := 0; b.Len() < 500_000; i++ {
		fmt.Fprintf(&b, "%s%d: 1\n", strings.Repeat("k", 900), i)
	}
	_, err := config.Parse("f", []byte(b.String()))
	var all *config.Errors
	if !errors.As(err, &all) || len(all.List) != 20 || all.More < 100 {
		t.Fatalf("%d listed, %d more", len(all.List), all.More)
	}
	if text := err.Error(); len(text) > 5000 || !strings.HasSuffix(text, fmt.Sprintf("and %d more", all.More)) {
		t.Errorf("%d bytes of text", len(text))
	}
}

// TestAliasesAreValues and cost what they weigh: a bomb is no more than its text.
func TestAliasesAreValues(t *testing.T) {
	l, err := config.Parse("f", []byte("broker: {max_connections: &n 7, max_requests: *n}"))
	if err != nil || l.Config.Broker.MaxRequests != 7 {
		t.Errorf("%+v, %v", l.Config.Broker, err)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 9), ","))
	}
	bomb += "broker: {overflow_policies: *y, max_connections: *y}\nlog: *y\n"
	allocs := testing.AllocsPerRun(3, func() { _, err = config.Parse("f", []byte(bomb)) })
	if err == nil || allocs > 20_000 {
		t.Errorf("%.0f allocations for %d bytes; %v", allocs, len(bomb), err)
	}
}
