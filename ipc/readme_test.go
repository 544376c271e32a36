package ipc_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// readmePrelude is what the README's snippets take for granted.
const readmePrelude = `package readme

import (
	"context"
	"log"

	"github.com/daemoneye/eventbus/ipc"
	"github.com/daemoneye/eventbus/ring"
	"github.com/daemoneye/eventbus/router"
)

type Event struct{}

var (
	ctx           context.Context
	ev            Event
	path          string
	payload, body []byte
	broker        *router.Broker
)

func use(...any) {}

func _() {
`

// TestTheReadmeCompiles type-checks each Go snippet of the README. What a snippet
// leaves unused is left to its reader.
func TestTheReadmeCompiles(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	packages := importer.ForCompiler(fset, "gc", compiled(t, ".", "../ring", "../router", "log"))
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(snippets) < 3 {
		t.Fatalf("%d snippets, want one for each of ring, router and ipc", len(snippets))
	}
	for _, s := range snippets {
		file, err := parser.ParseFile(fset, "README.md", readmePrelude+s[1]+"}\n", 0)
		if err != nil {
			t.Errorf("%v in\n%s", err, s[1])
			continue
		}
		c := types.Config{Importer: packages, Error: func(err error) {
			var e types.Error
			if errors.As(err, &e) && !strings.Contains(e.Msg, "and not used") {
				t.Errorf("%s in\n%s", e.Msg, s[1])
			}
		}}
		_, _ = c.Check("readme", fset, []*ast.File{file}, nil) // errors are reported above
	}
}

// compiled returns a function that opens what the compiler made of a package. It knows
// the named packages and all that they import. The go command keeps these files, so that
// nothing is read from source, which took 7 s of a processor, and 14 s under the race
// detector.
func compiled(t *testing.T, packages ...string) importer.Lookup {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, packages...)...)
	var errs bytes.Buffer
	list.Stderr = &errs
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			files[path] = file
		}
	}
	return func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fmt.Errorf("%s is imported by none of %q", path, packages)
		}
		return os.Open(files[path])
	}
}
