package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/detect/sigma/expr"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/detect/sigma"
	"github.com/daemoneye/eventbus/agent/event"
)

const anyDetection = "detection: {a: {Image: /bin/a}, condition: a}\n"

func TestARuleThatCannotMatchHereIsInactiveWithTheReason(t *testing.T) {
	tests := []struct {
		name, head string
		options    Options
		cause      Cause
		reason     string
	}{
		{"other system", "logsource: {product: windows, category: process_creation}\n" + anyDetection, Options{}, CauseProduct, "it is for product windows"},
		{"log of a service", "logsource: {product: linux, service: sshd}\n" + anyDetection, Options{}, CauseLogFile, "it is for the log of service sshd, which is not collected"},
		{"service without product", "logsource: {service: auditd}\n" + anyDetection, Options{}, CauseLogFile, "it is for the log of service auditd, which is not collected"},
		{"category", "logsource: {category: proces_creation}\n" + anyDetection, Options{}, CauseSource, "nobody collects category proces_creation (nearest: process_creation)"},
		{"category of which nobody makes events", "logsource: {category: file_access}\ndetection: {a: {TargetFilename: /x}, condition: a}\n", Options{}, CauseSource, "nobody collects category file_access"},
		{"field that nobody fills", "logsource: {category: network_connection}\ndetection: {a: {DestinationHostname: x}, condition: a}\n", Options{}, CauseField, "no collector fills field DestinationHostname of network events"},
		{"no such category", "logsource: {category: webserver}\n" + anyDetection, Options{}, CauseSource, "nobody collects category webserver"},
		{"no collector", "logsource: {category: process_creation}\n" + anyDetection, Options{Collected: []event.Table{event.TableNetwork}}, CauseSource, "no collector of process events is enabled"},
		{"field", "logsource: {category: process_creation}\ndetection: {a: {Imge: x}, condition: a}\n", Options{}, CauseField, "nobody collects field Imge of process events (nearest: Image)"},
		{"field of another type", "logsource: {category: process_creation}\ndetection: {a: {DestinationPort: 1}, condition: a}\n", Options{}, CauseField, "nobody collects field DestinationPort of process events"},
		{"field that is referred to", "logsource: {category: process_creation}\ndetection: {a: {Image|fieldref: Imphash}, condition: a}\n", Options{}, CauseField, "nobody collects field Imphash of process events"},
		{"group of fields", "logsource: {category: process_creation}\ndetection: {a: {labels: x}, condition: a}\n", Options{}, CauseField, "nobody collects field labels of process events (nearest: labels)"},
		{"field of a filter", "logsource: {category: process_creation}\n" + anyDetection + "---\ntitle: f\nlogsource: {category: process_creation}\nfilter: {rules: any, a: {Imphash: x}, condition: not a}\n", Options{}, CauseField, "nobody collects field Imphash of process events, and filter f needs it"},
		{"no category, no field", "logsource: {product: linux}\ndetection: {a: {Imphash: x}, condition: a}\n", Options{}, CauseField, "nobody collects field Imphash of process events"},
		{"deprecated", "status: deprecated\nlogsource: {category: process_creation}\n" + anyDetection, Options{}, CauseStatus, "its status is deprecated"},
		{"deprecated, wanted", "status: deprecated\nlogsource: {category: process_creation}\n" + anyDetection, Options{Withdrawn: true}, 0, ""},
		{"linux", "logsource: {product: linux, category: process_creation}\n" + anyDetection, Options{}, 0, ""},
		{"label", "logsource: {category: network_listen}\ndetection: {a: {labels.env: x}, condition: a}\n", Options{}, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := New(read(t, "title: x\nlevel: low\n"+tt.head, sigma.Options{}), tt.options)
			if tt.cause == 0 {
				if len(e.Active()) != 1 || len(e.Inactive()) != 0 {
					t.Errorf("inactive: %v", e.Inactive())
				}
				return
			}
			if len(e.Active()) != 0 || len(e.Inactive()) != 1 {
				t.Fatalf("%d active, %d inactive", len(e.Active()), len(e.Inactive()))
			}
			if i := e.Inactive()[0]; i.Cause != tt.cause || i.Reason != tt.reason {
				t.Errorf("inactive: %d, %q, want %d, %q", i.Cause, i.Reason, tt.cause, tt.reason)
			}
		})
	}
}

// draft returns an event of names and texts.
func draft(t *testing.T, typ event.Type, op event.Operation, flags event.Flags, fields ...string) event.View {
	t.Helper()
	d := event.NewDraft(event.Header{Type: typ, Operation: op, Flags: flags}, event.Origin{})
	for i := 0; i < len(fields); i += 2 {
		d.Set(fields[i], fields[i+1])
	}
	return parsed(t, d.Append(nil))
}

func titles(all []Match) (names []string) {
	for _, x := range all {
		names = append(names, x.Rule.Title)
	}
	return names
}

func TestALogSourceIsItsOperations(t *testing.T) {
	text := ""
	for _, c := range Categories() {
		text += fmt.Sprintf("---\ntitle: %s\nlevel: low\nlogsource: {category: %s}\ndetection: {a: {host.name: web-1}, condition: a}\n", c, c)
	}
	text += "---\ntitle: all\nlevel: low\nlogsource: {product: linux}\ndetection: {a: {host.name: web-1}, condition: a}\n" +
		"---\ntitle: files\nlevel: low\nlogsource: {product: linux}\ndetection: {a: {file.path|endswith: x}, condition: a}\n"
	m := New(read(t, text, sigma.Options{}), Options{Foreign: true}).Matcher()
	for _, tt := range []struct {
		typ  event.Type
		op   event.Operation
		want string
	}{
		{event.TypeProcess, event.OpStart, "process_creation all"},
		{event.TypeProcess, event.OpExit, "process_termination all"},
		{event.TypeProcess, event.OpSnapshot, ""},
		{event.TypeProcess, event.OpGap, ""},
		{event.TypeFilesystem, event.OpCreate, "file_event all files"},
		{event.TypeFilesystem, event.OpModify, "file_event file_change all files"},
		{event.TypeFilesystem, event.OpRename, "file_event file_rename all files"},
		{event.TypeFilesystem, event.OpDelete, "file_delete all files"},
		{event.TypeFilesystem, event.OpAccess, "file_access all files"},
		{event.TypeFilesystem, event.OpAttributes, "file_change all files"},
		{event.TypeNetwork, event.OpConnect, "network_connection all"},
		{event.TypeNetwork, event.OpAccept, "network_connection all"},
		{event.TypeNetwork, event.OpListen, "network_listen all"},
		{event.TypeNetwork, event.OpQuery, "dns_query dns all"},
		{event.TypePerformance, event.OpSample, "performance all"},
	} {
		v := draft(t, tt.typ, tt.op, 0, "host.name", "web-1", "file.path", "/x")
		if got := strings.Join(titles(m.Match(v)), " "); got != tt.want {
			t.Errorf("%v %v: %q, want %q", tt.typ, tt.op, got, tt.want)
		}
	}
}

func TestAMatchSaysThatItHasNotSeenEverything(t *testing.T) {
	rules := read(t, "title: x\nlevel: low\nlogsource: {category: process_creation}\ndetection: {a: {Image|endswith: /sh}, b: {ParentImage: /bin/ok}, condition: a and not b}\n", sigma.Options{})
	m := New(rules, Options{}).Matcher()
	for _, tt := range []struct {
		flags event.Flags
		want  []Match
	}{
		{0, []Match{{rules[0], false}}},
		{event.ParentUnread, []Match{{rules[0], true}}},
		{event.CgroupUnread, []Match{{rules[0], false}}}, // the rule does not look there
		{event.ExecutableUnread, nil},                    // is absent, and so does not match
	} {
		v := draft(t, event.TypeProcess, event.OpStart, tt.flags, "process.executable", "/bin/sh")
		if diff := cmp.Diff(tt.want, append([]Match(nil), m.Match(v)...), cmp.Comparer(func(a, b *sigma.Rule) bool { return a == b })); diff != "" {
			t.Errorf("flags %v (-want +got):\n%s", tt.flags, diff)
		}
	}
}

func TestGeneratedRulesOfRealisticShapesMeanTheSame(t *testing.T) {
	rules := generated(t, 300)
	m := New(rules, Options{}).Matcher()
	events := ordinary(t)
	for _, r := range rules { // each word of a rule once in an event
		expr.Walk(r.Condition, func(a *expr.Atom) {
			if x, ok := a.Test.(expr.Match); ok {
				word := strings.ReplaceAll(x.Pattern.String(), "*", "")
				events = append(events, draft(t, event.TypeProcess, event.OpStart, 0, "process.executable", "/usr/bin"+word,
					"process.command_line", "x "+strings.ToUpper(word)+" y", "process.parent.executable", word))
			}
		})
	}
	matches := 0
	for _, v := range events[:400] {
		matches += compare(t, rules, m, v)
	}
	if matches == 0 {
		t.Error("no rule matches any event")
	}
}

// TestNoMatchDoesNotAllocate holds for process events, those with capitals too, and for
// a rule of each kind of test.
func TestNoMatchDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	text := "title: each kind\nlevel: low\nlogsource: {category: process_creation}\ndetection:\n" +
		"  a: {Image|re: 'zz+top', CommandLine|cased: 'X*y'}\n  b: {ProcessId: 5}\n  c: {ParentProcessId|gt: 99999999}\n  d: {UtcTime|hour: 99}\n" +
		"  e: {host.name|cidr: 10.0.0.0/8}\n  f: {Image|fieldref: host.name}\n  g: {user.id|exists: false}\n  h: [keywerd, 'w*rd?']\n  condition: 1 of them\n"
	rules := append(generated(t, 200), read(t, text, sigma.Options{})...)
	m := New(rules, Options{}).Matcher()
	events := append(ordinary(t), draft(t, event.TypeProcess, event.OpStart, 0, "process.executable", "/OPT/Ärger/"+strings.Repeat("X", 200), "user.id", "7", "host.name", "192.168.1.1"))
	for _, v := range events {
		m.Match(v) // takes the memory that it needs
	}
	matched := 0
	for i, v := range events {
		if len(m.Match(v)) > 0 {
			matched++
			continue
		}
		if n := testing.AllocsPerRun(20, func() { m.Match(v) }); n > 0 {
			t.Errorf("event %d: %v allocations", i, n)
		}
	}
	if matched*10 > len(events) {
		t.Errorf("%d of %d events match", matched, len(events))
	}
}

func TestGenerationsComeAround(t *testing.T) {
	rules := generated(t, 50)
	m := New(rules, Options{}).Matcher()
	events := ordinary(t)
	m.gen = 1<<31 - 5
	for i := range 20 {
		compare(t, rules, m, events[i])
	}
}
