package ebpf_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestObjectsAreBuiltFromTheirSources builds each program again and holds it against the
// object beside it, where the compiler is the one that built that.
func TestObjectsAreBuiltFromTheirSources(t *testing.T) {
	want, err := os.ReadFile("c/CLANG")
	if err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command("clang", "--version").Output()
	if err != nil {
		t.Skipf("no clang: %v", err)
	}
	if _, err := exec.LookPath("llvm-strip"); err != nil {
		t.Skip(err)
	}
	if version, _, _ := bytes.Cut(got, []byte("\n")); string(version) != strings.TrimSpace(string(want)) {
		t.Skipf("the objects are of %sand this is %s", want, version)
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, pattern := range []string{"agent/collector/*/bpf/*.c", "agent/collector/ebpf/testdata/*.c"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d sources, %v", pattern, len(found), err)
		}
		sources = append(sources, found...)
	}
	for _, source := range sources {
		name, err := filepath.Rel(root, source)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			built := filepath.Join(t.TempDir(), "built.o")
			if out, err := exec.Command("c/build.sh", name, built).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want, err := os.ReadFile(built)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(strings.TrimSuffix(source, ".c") + ".o")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("the object is not of this source: make generate")
			}
		})
	}
}
