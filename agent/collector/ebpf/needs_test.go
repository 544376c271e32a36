package ebpf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// version is one of Linux.
type version struct{ major, minor int }

func (v version) before(o version) bool {
	return v.major < o.major || v.major == o.major && v.minor < o.minor
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

// The versions of Linux that were the first to have what programs use. Those of helpers are of
// the kinds of programs that use them here, as far as these differ.
var (
	firstWithHelper = map[asm.BuiltinFunc]version{
		asm.FnMapLookupElem: {3, 19}, asm.FnMapUpdateElem: {3, 19}, asm.FnMapDeleteElem: {3, 19},
		asm.FnKtimeGetNs: {4, 1}, asm.FnGetCurrentPidTgid: {4, 2}, asm.FnSkbLoadBytes: {4, 5}, asm.FnGetCurrentTask: {4, 8},
		asm.FnGetSocketCookie: {4, 12}, asm.FnGetCurrentCgroupId: {4, 18}, asm.FnSkStorageGet: {5, 2},
		asm.FnProbeReadUser: {5, 5}, asm.FnProbeReadKernel: {5, 5}, asm.FnProbeReadKernelStr: {5, 5},
		asm.FnKtimeGetBootNs: {5, 8}, asm.FnRingbufOutput: {5, 8}, asm.FnRingbufReserve: {5, 8}, asm.FnRingbufDiscard: {5, 8}, asm.FnRingbufQuery: {5, 8},
	}
	firstInTracing = map[asm.BuiltinFunc]version{asm.FnSkStorageGet: {5, 11}, asm.FnGetSocketCookie: {5, 12}}
	firstWithMap   = map[ebpf.MapType]version{
		ebpf.Array: {3, 19}, ebpf.Hash: {3, 19}, ebpf.PerCPUArray: {4, 6}, ebpf.LRUHash: {4, 10}, ebpf.SkStorage: {5, 2}, ebpf.RingBuf: {5, 8},
	}
	firstWithProgram = map[ebpf.ProgramType]version{
		ebpf.CGroupSKB: {4, 10}, ebpf.Tracing: {5, 5},
		ebpf.RawTracepoint: {5, 10}, // to be run once, as Load does it; on a tracepoint 4.17
	}
)

// TestTheOldestKernelIsTheOneThatIsWrittenDown looks through the programs for what they use.
func TestTheOldestKernelIsTheOneThatIsWrittenDown(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	written := make(map[string]string)
	for _, line := range regexp.MustCompile(`(?m)^//\t(\w+\.c) +([0-9.]+) `).FindAllSubmatch(doc, -1) {
		written[string(line[1])] = string(line[2])
	}
	sources, err := filepath.Glob("../*/bpf/*.c")
	if err != nil || len(sources) != len(written) {
		t.Fatalf("%d sources, and %v is written down: %v", len(sources), written, err)
	}
	for _, source := range sources {
		name := filepath.Base(source)
		spec, err := ebpf.LoadCollectionSpec(source[:len(source)-1] + "o")
		if err != nil {
			t.Fatal(err)
		}
		var oldest version
		needs := func(v version, known bool, what any) {
			t.Helper()
			if !known {
				t.Errorf("%s uses %v, and the first Linux with it is not in this test", name, what)
			}
			if oldest.before(v) {
				oldest = v
			}
		}
		for _, m := range spec.Maps {
			v, ok := firstWithMap[m.Type]
			needs(v, ok, m.Type)
		}
		for _, p := range spec.Programs {
			v, ok := firstWithProgram[p.Type]
			needs(v, ok, p.Type)
			for _, i := range p.Instructions {
				if !i.IsBuiltinCall() {
					if i.IsKfuncCall() {
						t.Errorf("%s calls a function of the kernel", name)
					}
					continue
				}
				helper := asm.BuiltinFunc(i.Constant)
				v, ok := firstWithHelper[helper]
				if in, differs := firstInTracing[helper]; differs && p.Type == ebpf.Tracing {
					v = in
				}
				needs(v, ok, helper)
			}
		}
		if oldest.String() != written[name] {
			t.Errorf("%s needs Linux %v, and %q is written down", name, oldest, written[name])
		}
	}
}

// TestTheVerifierHasRoom: older kernels go through more of a program than the one of this
// host, so that little of the million instructions is to be used here.
func TestTheVerifierHasRoom(t *testing.T) {
	objects, err := filepath.Glob("../*/bpf/*.o")
	if err != nil || len(objects) == 0 {
		t.Fatal(err)
	}
	for _, object := range objects {
		spec, err := ebpf.LoadCollectionSpec(object)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ebpf.NewCollection(spec)
		if err != nil {
			t.Skip(err)
		}
		defer c.Close()
		for name, p := range c.Programs {
			info, err := p.Info()
			if err != nil {
				t.Fatal(err)
			}
			n, ok := info.VerifiedInstructions()
			if !ok {
				t.Skip("this kernel does not count them")
			}
			t.Logf("%s: %s: %d", object, name, n)
			if n > 250_000 {
				t.Errorf("%s: the verifier goes through %d instructions of %s", object, n, name)
			}
		}
	}
}
