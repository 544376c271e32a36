package ipc_test

import (
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
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
	packages := importer.ForCompiler(fset, "source", nil)
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
