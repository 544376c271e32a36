package display_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daemoneye/eventbus/cmd/daemoneye-agent/display"
)

func TestTables(t *testing.T) {
	rows := [][]any{{"NAME", "STATE", "SOURCE"}, {"process", "running", "kernel process events, details from procfs"}, {"x", "\x1b[31m", ""}}
	tests := []struct {
		name  string
		wrap  bool
		width int
		want  string
	}{
		{"as wide as it is", false, 0,
			"NAME     STATE    SOURCE\nprocess  running  kernel process events, details from procfs\nx        \uFFFD[31m\n"},
		{"with room enough", true, 80,
			"NAME     STATE    SOURCE\nprocess  running  kernel process events, details from procfs\nx        \uFFFD[31m\n"},
		{"cut", false, 40,
			"NAME     STATE    SOURCE\nprocess  running  kernel process events…\nx        \uFFFD[31m\n"},
		{"wrapped", true, 40,
			"NAME     STATE    SOURCE\nprocess  running  kernel process events,\n                  details from procfs\nx        \uFFFD[31m\n"},
	}
	for _, tt := range tests {
		table := display.Table{Wrap: tt.wrap}
		for _, r := range rows {
			table.Row(r...)
		}
		var b strings.Builder
		if err := table.Write(&b, tt.width); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	var empty display.Table
	var b strings.Builder
	if err := empty.Write(&b, 80); err != nil || b.Len() > 0 {
		t.Errorf("without rows: %q, %v", b.String(), err)
	}
}

// TestATableFitsItsWidth, whatever is in it, where each column has its least.
func TestATableFitsItsWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns, width := rapid.IntRange(1, 7).Draw(t, "columns"), rapid.IntRange(70, 120).Draw(t, "width")
		var table display.Table
		for range rapid.IntRange(1, 4).Draw(t, "rows") {
			row := make([]any, columns)
			for i := range row {
				row[i] = rapid.String().Draw(t, "cell")
			}
			table.Row(row...)
		}
		var b strings.Builder
		if err := table.Write(&b, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Fatalf("%d characters of %d: %q", n, width, line)
			}
		}
	})
}

func TestWrappedTextIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-zµ]{1,12}`)).Draw(t, "words")
		n := rapid.IntRange(12, 40).Draw(t, "width")
		lines := display.Wrap(strings.Join(words, " "), n, 0)
		if got := strings.Fields(strings.Join(lines, " ")); len(got) != len(words) || len(words) > 0 && !cmp.Equal(got, words) {
			t.Fatalf("%q of %q", got, words)
		}
		for _, l := range lines {
			if utf8.RuneCountInString(l) > n {
				t.Fatalf("%q has more than %d characters", l, n)
			}
		}
	})
}
