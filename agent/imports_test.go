package agent_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/daemoneye/eventbus/"

// allowed are the arrows between the parts: what each package may import of
// this module and of others. A package is found under the longest prefix of its
// path, but below agent each has a rule of its own.
var allowed = map[string][]string{
	"ring":             {"golang.org/x/sys"},
	"ring/verify":      {},
	"frame":            {"frame/strictjson", "golang.org/x/sys", "github.com/klauspost/compress"},
	"frame/buffer":     {"github.com/valyala/bytebufferpool"},
	"frame/strictjson": {},
	// What a user of a broker meets, over rooms that know only those above them.
	"router":          {"frame", "router/bus", "router/topic", "router/endpoint", "router/broker", "router/inproc"},
	"router/bus":      {"ring", "frame", "frame/strictjson"},
	"router/topic":    {"frame"},
	"router/filter":   {"frame", "router/bus", "router/topic"},
	"router/charge":   {"frame/buffer"},
	"router/queue":    {"ring", "frame", "frame/buffer", "router/bus", "router/charge"},
	"router/endpoint": {"frame", "router/bus", "router/topic", "router/queue"},
	"router/store":    {"frame", "frame/buffer", "router/bus", "router/topic", "router/charge", "router/queue"},
	"router/routes":   {"frame", "router/bus", "router/topic", "router/charge", "router/filter", "router/queue", "router/store", "router/thread"},
	"router/requests": {},
	"router/settle":   {"frame", "router/bus", "router/charge", "router/queue"},
	"router/weights":  {"router/bus", "router/queue"},
	"router/stats":    {"frame", "router/bus", "router/queue"},
	"router/thread":   {"router/bus"},
	"router/broker": {
		"ring", "frame", "frame/buffer", "router/bus", "router/topic", "router/charge", "router/filter", "router/queue", "router/store",
		"router/thread", "router/routes", "router/requests", "router/weights", "router/stats", "router/settle", "router/endpoint",
	},
	"router/inproc": {"ring", "frame", "frame/buffer", "router/bus", "router/queue", "router/thread", "router/endpoint", "router/broker"},
	// What the tests of both share.
	"router/internal/brokertest": {"router", "router/broker", "router/inproc"},
	// The conformance suite is for tests, but lives beside them.
	"router/routertest": {"router", "frame"},
	// What a user meets of ipc; neither half of it knows the other.
	"ipc":                    {"ipc/internal/...", "ipc/policy", "router", "router/broker", "frame"},
	"ipc/policy":             {"router/bus", "router/topic"},
	"ipc/internal/server":    {"ipc/internal/unixsock", "ipc/policy", "router/bus", "router/queue", "router/broker", "frame", "frame/buffer", "golang.org/x/sys"},
	"ipc/internal/client":    {"ipc/internal/unixsock", "ipc/internal/outbox", "router/bus", "router/topic", "router/queue", "router/endpoint", "frame", "frame/buffer", "golang.org/x/sys"},
	"ipc/internal/outbox":    {"ipc/internal/unixsock", "router/bus", "router/endpoint", "frame", "golang.org/x/sys"},
	"ipc/internal/unixsock":  {"frame", "golang.org/x/sys"},
	"agent/spelling":         {},
	"agent/config":           {"agent/config/reader"},
	"agent/config/reader":    {"agent/spelling", "go.yaml.in/yaml/v3"},
	"agent/control":          {"agent/config", "router", "frame", "frame/strictjson"},
	"agent/control/dispatch": {"agent/control", "router"},
	"agent/event":            {"agent/event/internal/wire"},
	// The bytes of a block, apart from which fields there are.
	"agent/event/internal/wire": {},
	"agent/event/ecs":           {"agent/event"},
	"agent/hostid":              {},
	"agent/health":              {"agent/control", "ipc", "router"},
	"agent/procstat":            {"github.com/prometheus/procfs", "golang.org/x/sys"},
	"agent/collector":           {},
	"agent/collector/serve":     {"agent/collector", "agent/control", "agent/control/dispatch", "agent/event", "agent/trim", "router", "frame"},
	"agent/trim":                {"golang.org/x/sys"},
	// What every collector stands on.
	"agent/collector/adjust":     {},
	"agent/collector/capability": {"golang.org/x/sys"},
	// What tests claim of the sources of a collector, and the README with them.
	"agent/collector/storytest": {"agent/collector", "agent/event", "golang.org/x/sys"},
	"agent/collector/clock":     {"golang.org/x/sys"},
	"agent/collector/host":      {"agent/event"},
	"agent/collector/settings":  {},
	"agent/collector/proc":      {"agent/collector/capability", "agent/event", "github.com/prometheus/procfs", "golang.org/x/sys"},
	"agent/collector/actor":     {"agent/collector/clock", "agent/collector/proc", "agent/collector/redact", "agent/event", "golang.org/x/sys"},
	"agent/collector/redact":    {},
	"agent/collector/integrity": {"agent/collector/actor", "agent/collector/clock", "agent/event", "golang.org/x/sys"},
	"agent/collector/filter":    {"agent/collector/actor", "agent/event"},
	"agent/collector/receive":   {"golang.org/x/sys"},
	"agent/collector/emit":      {"agent/collector", "agent/collector/clock", "agent/event"},
	"agent/collector/ebpf":      {"github.com/cilium/ebpf", "golang.org/x/sys"},
	"agent/collector/filesystem": {
		"agent/collector", "agent/collector/actor", "agent/collector/adjust", "agent/collector/capability", "agent/collector/clock", "agent/collector/emit", "agent/collector/filter", "agent/collector/host", "agent/collector/proc",
		"agent/collector/receive", "agent/collector/redact", "agent/collector/settings", "agent/event", "github.com/prometheus/procfs", "golang.org/x/sys",
	},
	"agent/collector/network": {
		"agent/collector", "agent/collector/actor", "agent/collector/adjust", "agent/collector/capability", "agent/collector/clock", "agent/collector/emit", "agent/collector/filter", "agent/collector/host", "agent/collector/proc",
		"agent/collector/ebpf", "agent/collector/receive", "agent/collector/redact", "agent/collector/settings", "agent/event", "github.com/prometheus/procfs", "golang.org/x/net", "golang.org/x/sys",
	},
	"agent/collector/performance": {
		"agent/collector", "agent/collector/actor", "agent/collector/adjust", "agent/collector/clock", "agent/collector/emit", "agent/collector/host", "agent/collector/proc",
		"agent/collector/redact", "agent/collector/settings", "agent/event", "github.com/prometheus/procfs", "golang.org/x/sys",
	},
	"agent/collector/process": {
		"agent/collector", "agent/collector/actor", "agent/collector/adjust", "agent/collector/clock", "agent/collector/emit", "agent/collector/filter", "agent/collector/host", "agent/collector/integrity", "agent/collector/proc",
		"agent/collector/ebpf", "agent/collector/receive", "agent/collector/redact", "agent/collector/settings", "agent/event", "agent/event/ecs", "agent/collector/process/internal/...", "golang.org/x/sys",
	},
	// The process connector makes reports, and knows nothing of who applies them.
	"agent/collector/process/internal/report":    {"agent/collector/proc"},
	"agent/collector/process/internal/connector": {"agent/collector/process/internal/report", "agent/collector/clock", "agent/collector/proc", "golang.org/x/sys"},
	// Rules and their meaning, apart from all that makes events.
	"agent/detect/sigma":           {"agent/detect/sigma/document", "agent/detect/sigma/expr", "agent/detect/sigma/item", "agent/detect/sigma/condition", "agent/spelling", "go.yaml.in/yaml/v3"},
	"agent/detect/sigma/document":  {"go.yaml.in/yaml/v3"},
	"agent/detect/sigma/expr":      {},
	"agent/detect/sigma/item":      {"agent/detect/sigma/document", "agent/detect/sigma/expr", "agent/spelling", "go.yaml.in/yaml/v3"},
	"agent/detect/sigma/condition": {"agent/detect/sigma/document", "agent/detect/sigma/expr", "agent/spelling", "go.yaml.in/yaml/v3"},
	"agent/detect":                 {"agent/detect/sigma", "agent/detect/sigma/expr", "agent/detect/engine", "agent/detect/window", "agent/event", "agent/event/ecs"},
	"agent/detect/mix":             {"agent/event", "agent/event/ecs"},
	"agent/detect/live": {
		"agent/alert", "agent/control", "agent/detect", "agent/detect/engine", "agent/detect/rules", "agent/detect/sigma", "agent/detect/sigma/document", "agent/detect/window",
		"agent/event", "agent/event/ecs", "agent/spelling", "router", "frame", "github.com/fsnotify/fsnotify", "golang.org/x/sys",
	},
	"agent/detect/rules":  {"agent/detect/sigma"},
	"agent/detect/engine": {"agent/detect/sigma", "agent/detect/sigma/expr", "agent/spelling", "agent/event"},
	"agent/detect/window": {"agent/detect/sigma", "agent/detect/sigma/expr", "agent/event"},

	// What an alert is, apart from what keeps and sends it.
	"agent/alert":                {"github.com/oklog/ulid"},
	"agent/alert/journal":        {"golang.org/x/sys"},
	"agent/alert/journal/faulty": {"agent/alert/journal"},
	"agent/alert/index":          {"go.etcd.io/bbolt"},
	"agent/alert/ledger":         {"agent/alert"},
	"agent/alert/desk":           {"agent/alert", "agent/alert/store", "agent/event", "agent/spelling"},
	"agent/alert/store":          {"agent/alert", "agent/alert/journal", "agent/alert/index", "agent/alert/ledger", "github.com/oklog/ulid", "golang.org/x/sys"},

	// What leaves the host: the core knows no sink, and no sink another one.
	"agent/output":            {"agent/alert", "agent/control", "agent/event", "agent/event/ecs", "router", "frame", "github.com/cenkalti/backoff/v5"},
	"agent/output/outputtest": {"agent/alert", "agent/output", "github.com/oklog/ulid/v2"},
	"agent/output/redact":     {},
	"agent/output/secret":     {},
	"agent/output/format":     {"agent/alert", "agent/output"},
	"agent/output/stdout":     {"agent/output"},
	"agent/output/file":       {"agent/output", "github.com/DeRuina/timberjack", "golang.org/x/sys"},
	"agent/output/syslog":     {"agent/alert", "agent/output", "agent/output/format", "agent/output/secret", "golang.org/x/sys"},
	"agent/output/journald":   {"agent/alert", "agent/output", "agent/output/format", "golang.org/x/sys"},
	"agent/output/webhook":    {"agent/alert", "agent/output", "agent/output/format", "agent/output/secret"},
	"agent/output/nats":       {"agent/output", "agent/output/secret", "github.com/nats-io/nats.go"},
	"agent/output/stored":     {"agent/alert", "agent/alert/store", "agent/output"},
	"agent/output/sinks":      {"agent/alert", "agent/config", "agent/output", "agent/output/..."},

	"agent/manager":      {"agent/control", "agent/manager/life", "golang.org/x/sys"},
	"agent/manager/life": {},
	// What reports how the agent is.
	"agent/systemd": {"golang.org/x/sys"},
	"agent/metrics": {"agent/control", "router", "github.com/prometheus/procfs", "golang.org/x/sys"},
	// What tests keep a log in.
	"agent/logtest": {},
	// What the agent wires together, and that knows nothing of the agent.
	"agent/access":    {"agent/control", "agent/manager", "ipc/policy", "router"},
	"agent/lifecycle": {"agent/control"},
	"agent/losses":    {"agent/event", "router"},
	"agent/memory":    {"agent/trim"},
	"agent/progress":  {"agent/control", "agent/health"},
	"agent/usage":     {"agent/control", "agent/procstat"},
	"agent": {
		"agent/access", "agent/alert", "agent/alert/desk", "agent/alert/store", "agent/collector/host", "agent/config", "agent/control", "agent/control/dispatch", "agent/output/...", "agent/detect/live", "agent/detect/sigma", "agent/detect/window", "agent/event", "agent/health",
		"agent/lifecycle", "agent/losses", "agent/manager", "agent/manager/life", "agent/memory", "agent/metrics", "agent/procstat", "agent/progress", "agent/systemd", "agent/usage", "ipc", "router", "frame", "frame/strictjson", "golang.org/x/sync", "github.com/oklog/ulid/v2",
	},
	"bench/load": {"frame", "golang.org/x/sys"},
	// The programs that play the broker and the floors are those of a user without the agent.
	"bench/bus":   {"bench/e2e", "bench/report", "ipc", "router"},
	"bench/floor": {"bench/e2e", "bench/load", "bench/report", "golang.org/x/sys"},
	"bench/e2e":   {"bench/load", "bench/proc", "bench/report", "golang.org/x/sys"},
	"bench/roles": {"bench/bus", "bench/e2e", "bench/floor"},
	"bench":       {"bench/...", "ring", "frame", "router/...", "ipc", "agent/...", "golang.org/x/sys", "golang.org/x/sync"},
	// The commands: what each stands on, and one package a group, none of which knows
	// another. The agent is run with the collectors of this program.
	"cmd": {"cmd/daemoneye-agent/internal/...", "cmd/daemoneye-agent/display", "agent/config", "agent/control", "ipc", "router", "frame", "github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/sys"},
	"cmd/daemoneye-agent/internal/cli": {
		"cmd/daemoneye-agent/display", "agent/alert/store", "agent/collector/process", "agent/config", "agent/control", "agent/spelling", "ipc", "router", "frame", "github.com/spf13/cobra", "github.com/spf13/pflag", "golang.org/x/sys",
	},
	"cmd/daemoneye-agent/internal/alerts": {
		"cmd/daemoneye-agent/internal/cli", "cmd/daemoneye-agent/display", "agent/alert", "agent/alert/desk", "agent/alert/store", "agent/control", "ipc", "router", "github.com/spf13/cobra",
	},
	"cmd/daemoneye-agent/internal/bus": {
		"cmd/daemoneye-agent/internal/cli", "cmd/daemoneye-agent/display", "agent/control", "agent/event", "agent/event/ecs", "bench/load", "ipc", "router", "frame", "github.com/spf13/cobra", "golang.org/x/sync",
	},
	"cmd/daemoneye-agent/internal/collectors": {
		"cmd/daemoneye-agent/internal/cli", "cmd/daemoneye-agent/display", "agent/collector/...", "agent/config", "agent/control", "agent/event", "ipc", "router", "frame", "github.com/spf13/cobra",
	},
	"cmd/daemoneye-agent/internal/config": {"cmd/daemoneye-agent/internal/cli", "agent/config", "github.com/spf13/cobra"},
	"cmd/daemoneye-agent/internal/daemon": {
		"cmd/daemoneye-agent/internal/cli", "cmd/daemoneye-agent/internal/collectors", "cmd/daemoneye-agent/display", "agent", "agent/alert/store", "agent/config", "agent/control", "agent/hostid", "agent/manager/...", "agent/systemd", "github.com/spf13/cobra",
	},
	"cmd/daemoneye-agent/internal/processes": {"cmd/daemoneye-agent/internal/cli", "cmd/daemoneye-agent/display", "agent/control", "ipc", "github.com/spf13/cobra"},
	"cmd/daemoneye-agent/internal/outputs":   {"cmd/daemoneye-agent/internal/cli", "cmd/daemoneye-agent/display", "agent/control", "ipc", "github.com/spf13/cobra"},
	"cmd/daemoneye-agent/internal/rules":     {"cmd/daemoneye-agent/internal/cli", "cmd/daemoneye-agent/display", "agent/control", "agent/detect/...", "ipc", "agent/event", "agent/event/ecs", "agent/spelling", "github.com/spf13/cobra", "golang.org/x/sys"},
	"cmd/daemoneye-agent/internal/status":    {"cmd/daemoneye-agent/internal/cli", "cmd/daemoneye-agent/display", "agent/control", "ipc", "router", "github.com/spf13/cobra"},
	// What a person sees of an event knows only the event's JSON.
	"cmd/daemoneye-agent/display": {},

	"fuzz": {"ring", "frame", "router/...", "ipc", "agent/..."},
}

// Core packages must not import other modules even through each other.
var core = []string{"ring", "frame", "router", "ipc"}

func TestImportsFollowTheArrows(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		rules, ok := rulesFor(name)
		if !ok {
			t.Errorf("%s: no rule for this package: add one to the table", name)
			continue
		}
		for _, imp := range p.Imports {
			if !strings.Contains(strings.Split(imp, "/")[0], ".") {
				continue // the standard library
			}
			imp = strings.TrimPrefix(imp, module)
			if !slices.ContainsFunc(rules, func(r string) bool { return within(imp, r) }) {
				t.Errorf("%s imports %s, which is not among what it may: %s", name, imp, strings.Join(rules, ", "))
			}
		}
		if strings.HasPrefix(name, "cmd") {
			continue
		}
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, module+"cmd") || strings.HasPrefix(imp, module+"fuzz") {
				t.Errorf("%s imports %s: nothing may", name, imp)
			}
		}
	}
}

func rulesFor(name string) ([]string, bool) {
	for p := name; p != "." && p != "/"; p = path.Dir(p) {
		if r, ok := allowed[p]; ok {
			return r, true
		}
		if strings.HasPrefix(p, "agent/") || strings.HasPrefix(p, "cmd/daemoneye-agent/internal/") {
			break // the parts of agent, and the groups of commands, must not know each other
		}
	}
	return nil, false
}

func TestEachPartOfTheAgentAndEachGroupOfCommandsHasARuleOfItsOwn(t *testing.T) {
	tests := []struct {
		name string
		want bool
	}{
		{"agent", true},
		{"agent/control", true},
		{"agent/collector/serve", true},
		{"agent/unheard", false},
		{"agent/control/unheard", false},
		{"agent/collector/unheard", false},
		{"cmd/daemoneye-agent/internal/unheard", false},
		{"cmd/anything", true},
		{"unheard", false},
	}
	for _, tt := range tests {
		if _, ok := rulesFor(tt.name); ok != tt.want {
			t.Errorf("%s has a rule: %v, want %v", tt.name, ok, tt.want)
		}
	}
}

// within reports whether a rule allows an import. A rule names one package of this
// module; "name/..." those below it as well. Another module is named whole.
func within(imp, rule string) bool {
	if below, ok := strings.CutSuffix(rule, "/..."); ok {
		return imp == below || strings.HasPrefix(imp, below+"/")
	}
	return imp == rule || strings.Contains(rule, ".") && strings.HasPrefix(imp, rule+"/")
}

// TestCoreKeepsToItsModules holds that embedding a core package brings in none
// but the few modules that the README names.
func TestCoreKeepsToItsModules(t *testing.T) {
	may := []string{
		"golang.org/x/sys", "github.com/valyala/bytebufferpool", "github.com/klauspost/compress",
		"github.com/prometheus/procfs", "github.com/google/go-cmp",
	}
	for _, name := range core {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", module+name).Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for _, m := range strings.Fields(string(out)) {
			if m+"/" == module || slices.Contains(may, m) {
				continue
			}
			t.Errorf("%s brings in module %s", name, m)
		}
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) (all []listed) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("the go command is not on the path")
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
