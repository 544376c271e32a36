package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daemoneye/eventbus/agent/output/secret"
)

func TestWhatAReferenceStandsFor(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + path
	}
	t.Setenv("SOME_SECRET", "s3")
	t.Setenv("AN_EMPTY_SECRET", "")
	tests := []struct {
		ref, want string
		bad       bool
	}{
		{"", "", false}, {"plain", "plain", false}, {"env:SOME_SECRET", "s3", false}, {"env:AN_EMPTY_SECRET", "", true}, {"env:NO_SUCH_SECRET", "", true},
		{file("a", "s1\n"), "s1", false}, {file("b", " s 1 \r\n\n"), " s 1 ", false}, {file("c", "\n"), "", true}, {"file:" + dir + "/none", "", true},
		{file("d", strings.Repeat("x", 64<<10+1)), "", true}, {"file:" + dir, "", true},
	}
	for _, tt := range tests {
		got, err := secret.Read(tt.ref)
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%s: %.20q, %v", tt.ref, got, err)
		}
	}
}
