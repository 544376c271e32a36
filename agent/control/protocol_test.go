package control_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/control"
	"github.com/daemoneye/eventbus/agent/control/dispatch"
)

// rows returns the rows of the table of PROTOCOL.md that has this header.
func rows(t *testing.T, header string) (all []string) {
	t.Helper()
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "\n"+header+"\n")
	if !ok {
		t.Fatalf("there is no table %s", header)
	}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if !strings.HasPrefix(line, "|-") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	return all
}

func TestTheTablesOfTheProtocol(t *testing.T) {
	var operations, codes []string
	for _, o := range control.Operations() {
		by, changes := "agent", "no"
		if o.Collector {
			by = "collector"
		}
		if o.Changes {
			changes = "yes"
		}
		operations = append(operations, fmt.Sprintf("|`%s`|%s|%s|%s|%s|", o.Operation, strings.Join(o.Callers, ", "), by, changes, o.Timeout))
	}
	for _, c := range control.Codes() {
		codes = append(codes, fmt.Sprintf("|`%s`|%s|%s|%s|", c.Code, c.Category, c.Outcome, c.Meaning))
	}
	for header, want := range map[string][]string{
		"|operation|called by|carried out by|changes|time|": operations,
		"|code|category|status|meaning|":                    codes,
		"|what|bound|": {
			fmt.Sprintf("|an envelope, as JSON|%d KiB|", control.MaxEnvelope>>10),
			"|objects and lists inside each other|16|",
			fmt.Sprintf("|an id|%d bytes|", control.MaxID),
			fmt.Sprintf("|the name of a collector|%d bytes|", control.MaxName),
			fmt.Sprintf("|a deadline|%s ahead|", control.MaxAhead),
			fmt.Sprintf("|answers that are kept|%s, %d ids and %d MiB of a caller, %d callers|", dispatch.Keep, dispatch.MaxIDs, dispatch.MaxBytes>>20, dispatch.MaxCallers),
			fmt.Sprintf("|open operations of a caller|%d|", dispatch.MaxOpen),
			fmt.Sprintf("|operations that wait for one collector|%d|", dispatch.MaxWaiting),
		},
	} {
		if diff := cmp.Diff(want, rows(t, header)); diff != "" {
			t.Errorf("table %s (-code +document):\n%s", header, diff)
		}
	}
}
