package manager_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daemoneye/eventbus/agent/manager"
)

func TestWhatExplainsAnEnd(t *testing.T) {
	long := strings.Repeat("x", manager.MaxLine)
	tests := []struct {
		name  string
		parts []string
		want  string
		lines int
	}{
		{"nothing was said", nil, "", 0},
		{"the last line", []string{"first\nlast\n"}, "last", 2},
		{"the last line without its end", []string{"first\nlast"}, "last", 2},
		{"a line that comes in pieces", []string{"fi", "rst", "\nla", "st\n"}, "last", 2},
		{"empty lines say nothing", []string{"first\n\n \n\n"}, "first", 1},
		{"the first line of a panic", []string{"before\n", "panic: oops\n\ngoroutine 1 [running]:\nmain.main()\n"}, "panic: oops", 4},
		{"the first line of a fatal error", []string{"fatal error: all asleep\nmain.main()\n"}, "fatal error: all asleep", 2},
		{"a line that is too long is cut", []string{long + "tail\n"}, "tail", 2},
		{"a line that is just short enough is not", []string{long + "\n"}, long[:300], 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &log{}
			if diff := cmp.Diff(tt.want, manager.Explain(slog.New(l), tt.parts...)); diff != "" {
				t.Errorf("explanation (-want +got):\n%s", diff)
			}
			if len(l.lines) != tt.lines {
				t.Errorf("%d lines were logged, want %d: %.80q", len(l.lines), tt.lines, l.lines)
			}
		})
	}
}
