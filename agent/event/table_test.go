package event_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/event"
)

var allTables = []event.Table{
	event.TableProcess, event.TableNetwork, event.TableFilesystem, event.TablePerformance, event.TableGap,
}

var update = flag.Bool("update", false, "write the tables of LAYOUT.md anew")

// TestTheLayoutDocumentHasTheTables holds LAYOUT.md against the table: a field
// that changes its place has to change it there, where a reader in another
// language learns it.
func TestTheLayoutDocumentHasTheTables(t *testing.T) {
	const file, begin, end = "LAYOUT.md", "<!-- tables -->\n", "<!-- end of tables -->\n"
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(doc), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the tables", file)
	}
	want := head + begin + event.TablesMarkdown() + end + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, string(doc)); diff != "" {
		t.Errorf("go test ./agent/event -run LayoutDocument -update writes it (-want +got):\n%s", diff)
	}
}

func TestEachNameFindsItsField(t *testing.T) {
	for _, table := range allTables {
		for _, f := range table.Fields() {
			if f.Doc() == "" || f.Name() == "" || f.Kind().String() == "unknown" {
				t.Errorf("%v: %q has no documentation or no kind", table, f.Name())
			}
			for _, name := range append(f.Aliases(), f.Name()) {
				if got, ok := event.FieldByName(table, name); !ok || got != f {
					t.Errorf("%v: %s finds %v", table, name, got)
				}
			}
		}
	}
	for _, name := range []string{"", "image", "process", "process.", "nope"} {
		if f, ok := event.FieldByName(event.TableProcess, name); ok {
			t.Errorf("%q finds %s", name, f.Name())
		}
	}
	for _, table := range []event.Table{0, 99} { // of another version
		if _, ok := event.FieldByName(table, "Image"); !ok {
			t.Errorf("table %d has not the fields of every event", table)
		}
		if _, ok := event.FieldByName(table, "TargetFilename"); ok || len(table.Fields()) == 0 {
			t.Errorf("table %d has fields of a type, or none", table)
		}
	}
}

// TestWhatRulesAskForIsThere holds the names that rules for Linux use against
// the tables (sigma-specification: appendix taxonomy).
func TestWhatRulesAskForIsThere(t *testing.T) {
	everyEvent := []string{
		"Image", "CommandLine", "CurrentDirectory", "User", "LogonId", "ProcessId", "ParentImage", "ParentCommandLine",
		"ParentProcessId", "UtcTime", "Computer", "process.ancestors.executable", "container.id", "systemd.unit", "host.id", "labels.env",
	}
	for table, own := range map[event.Table][]string{
		event.TableProcess:    {"process.exit_code", "process.exit_signal", "Hashes", "sha256"},
		event.TableNetwork:    {"DestinationIp", "DestinationPort", "DestinationHostname", "SourceIp", "SourcePort", "Protocol", "Initiated", "QueryName", "QueryResults", "QueryStatus"},
		event.TableFilesystem: {"TargetFilename", "SourceFilename"},
	} {
		for _, name := range append(own, everyEvent...) {
			if _, ok := event.FieldByName(table, name); !ok {
				t.Errorf("%v has no %s", table, name)
			}
		}
	}
}

// TestNoFieldIsAnObjectOfOthers, because JSON could not hold both.
func TestNoFieldIsAnObjectOfOthers(t *testing.T) {
	for _, table := range allTables {
		for _, f := range table.Fields() {
			for _, g := range table.Fields() {
				if strings.HasPrefix(g.Name(), f.Name()+".") {
					t.Errorf("%v: %s and %s", table, f.Name(), g.Name())
				}
			}
		}
	}
}

// TestAnEventOfTheLargestSizeFits: every text at its bound and each argument as
// short as it can be.
func TestAnEventOfTheLargestSizeFits(t *testing.T) {
	huge := strings.Repeat("x", 1<<16)
	args := strings.Repeat("\x00", event.MaxCommandLine-1) + "x"
	var many []event.Pair
	for range 1 << 10 {
		many = append(many, event.Pair{Name: huge[:255], Value: huge[:255]})
	}
	who := event.Actor{
		Name: huge, Executable: huge, CommandLine: args, Directory: huge, User: huge, LoginUser: huge, Container: huge, Unit: huge,
		ParentName: huge, ParentExecutable: huge, ParentCommandLine: huge,
	}
	for i := range who.Ancestors {
		who.Ancestors[i] = event.Ancestor{PID: 1, Name: huge, Executable: huge}
	}
	from := event.Origin{Host: huge, HostID: huge, Collector: huge, Labels: many}
	query := event.Query{Name: huge, Type: huge, Status: huge, Answers: strings.Repeat("\x00", event.MaxAnswers-1) + "x"}
	end := event.Endpoint{Address: huge, Name: huge}
	for name, b := range map[string][]byte{
		"process": (&event.Process{Origin: from, Actor: who, Extra: many}).Append(nil),
		"network": (&event.Network{Origin: from, Actor: who, Extra: many, Body: event.Connection{Source: end, Destination: end, Transport: huge, Query: query}}).Append(nil),
		"filesystem": (&event.Filesystem{Origin: from, Actor: who, Extra: many, Body: event.File{
			Path: huge, Previous: huge, Target: huge, Type: huge, Mode: huge, SHA256: huge,
		}}).Append(nil),
		"gap": (&event.Gap{Origin: from, Actor: who, Extra: many, Body: event.Loss{Reason: huge}}).Append(nil),
	} {
		if v := parse(t, b); len(v) > event.MaxSize {
			t.Errorf("%s: %d bytes, the bound is %d", name, len(v), event.MaxSize)
		}
		t.Logf("%s: %d bytes", name, len(b))
	}
}

// TestATypicalEventIsSmall: an actor with a command line of 87 bytes, a parent
// with one as long, and four ancestors. Three hashes are some more; such events are rare.
func TestATypicalEventIsSmall(t *testing.T) {
	for name, b := range samples() {
		most := 800
		if name == "integrity" {
			most += 3 * 72
		}
		if len(b) > most {
			t.Errorf("%s has %d bytes, want at most %d", name, len(b), most)
		}
		t.Logf("%s: %d bytes", name, len(b))
	}
}
