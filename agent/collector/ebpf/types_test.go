package ebpf

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// objects are all programs, and the kernel's own description, or the test is skipped.
func objects(t testing.TB) (files []string, kernel []byte) {
	t.Helper()
	kernel, err := os.ReadFile(DefaultBTF)
	if err != nil {
		t.Skip(err)
	}
	for _, pattern := range []string{"../*/bpf/*.o", "testdata/*.o"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d objects, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	return files, kernel
}

// TestFewTypesSayOfEachFieldWhatAllSay relocates each program with the types that are
// extracted for it, and with all of the kernel.
func TestFewTypesSayOfEachFieldWhatAllSay(t *testing.T) {
	files, kernel := objects(t)
	all, err := btf.LoadSpecFromReader(bytes.NewReader(kernel))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		spec, err := ebpf.LoadCollectionSpec(file)
		if err != nil {
			t.Fatal(err)
		}
		few, err := kernelTypes(DefaultBTF, spec.Types)
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range spec.Programs {
			var wanted []*btf.CORERelocation
			for i := range p.Instructions {
				if r := btf.CORERelocationMetadata(&p.Instructions[i]); r != nil {
					wanted = append(wanted, r)
				}
			}
			if len(wanted) == 0 {
				continue
			}
			add := func(btf.Type) (btf.TypeID, error) { return 0, errors.New("a number of a type is asked for") }
			want, err := btf.CORERelocate(wanted, []*btf.Spec{all}, le, add)
			if err != nil {
				t.Fatal(err)
			}
			got, err := btf.CORERelocate(wanted, []*btf.Spec{few}, le, add)
			if err != nil {
				t.Fatalf("%s: program %s: %v", file, name, err)
			}
			for i := range want {
				compared++
				if got[i] != want[i] {
					t.Errorf("%s: program %s: %v is %v, want %v", file, name, wanted[i], got[i], want[i])
				}
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d fields were compared", compared)
	}
}

// TestWhatIsCutOffIsNoDescription, and nothing is read behind its end.
func TestWhatIsCutOffIsNoDescription(t *testing.T) {
	b, err := btf.NewBuilder([]btf.Type{&btf.Struct{Name: "a", Size: 4, Members: []btf.Member{{Name: "b", Type: &btf.Int{Name: "c", Size: 4}}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := b.Marshal(nil, &btf.MarshalOptions{Order: le})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{"a": true}
	few, err := extract(whole, names)
	if err != nil || !bytes.Contains(few, []byte("\x00b\x00")) {
		t.Fatalf("%q, %v", few, err)
	}
	for n := range whole {
		if _, err := extract(whole[:n], names); err == nil {
			t.Errorf("the first %d bytes of %d are taken for a description", n, len(whole))
		}
	}
	for i := range whole { // no panic
		broken := bytes.Clone(whole)
		broken[i] ^= 0xff
		_, _ = extract(broken, names)
	}
}

// BenchmarkKernelTypes is what it takes to find out where fields lie.
func BenchmarkKernelTypes(b *testing.B) {
	objects(b)
	spec, err := ebpf.LoadCollectionSpec("../process/bpf/process.o")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("types=few", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := kernelTypes(DefaultBTF, spec.Types); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("types=all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := btf.LoadSpec(DefaultBTF); err != nil {
				b.Fatal(err)
			}
		}
	})
}
