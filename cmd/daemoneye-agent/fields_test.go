package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/daemoneye/eventbus/agent/event"
	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/internal/cli"
)

// TestFieldsHasEachFieldOnce in 80 columns, as text and as JSON.
func TestFieldsHasEachFieldOnce(t *testing.T) {
	status, out, errs := run(t, "fields")
	if status != cli.ExitOK || errs != "" {
		t.Fatalf("exit status %d, %s", status, errs)
	}
	for line := range strings.Lines(out) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("more than 80 columns: %s", line)
		}
	}
	_, doc, _ := run(t, "fields", "--json")
	var all []struct{ Table, Name string }
	if err := json.Unmarshal([]byte(doc), &all); err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, f := range all {
		n[f.Table+" "+f.Name]++
	}
	for _, table := range []event.Table{event.TableProcess, event.TableNetwork, event.TableFilesystem, event.TablePerformance, event.TableGap} {
		for _, f := range table.Fields() {
			key := " " + f.Name()
			if f.Own() {
				key = table.String() + key
			}
			if n[key] != 1 {
				t.Errorf("JSON has %q %d times", key, n[key])
			}
			if !strings.Contains(out, "\n  "+f.Name()+" ") || !strings.Contains(out, f.Doc()) {
				t.Errorf("%s is not explained", f.Name())
			}
			for _, alias := range f.Aliases() {
				if !strings.Contains(out, alias) {
					t.Errorf("%s is not named", alias)
				}
			}
		}
	}
}

func TestFieldsOfOneType(t *testing.T) {
	_, out, _ := run(t, "fields", "network")
	if !strings.Contains(out, "\n  process.executable ") || !strings.Contains(out, "\n  dns.question.name ") || strings.Contains(out, "file.path") {
		t.Errorf("fields of network events:\n%s", out)
	}
	for _, args := range [][]string{{"fields", "weather"}, {"fields", "process", "gap"}} {
		if status, out, errs := run(t, args...); status != cli.ExitUsage || out != "" || !strings.Contains(errs, "error: fields: ") {
			t.Errorf("%v: exit status %d, %q, %q", args, status, out, errs)
		}
	}
	if _, ok := event.FieldByName(event.TableByName("gap"), "daemoneye.gap.lost"); !ok {
		t.Error("a name of the help is not that of a table")
	}
}
