package ebpf

import (
	"bytes"
	"errors"
	"io"
	"os"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// kernelTypes reads from the kernel's description of its types those that have the names
// of wanted, with all that lies inside of them. What they point to is left out, because
// the loader asks where a field lies and how large it is, and for nothing behind it. The
// numbers of the types are not the kernel's.
//
// Where we cannot read the description it is left to the library, which reads all of it.
// To load the programs of the process collector takes 38 ms and 1.5 MiB of garbage with
// this, and 63 ms and 15 MiB with all types (BenchmarkKernelTypes shows the difference).
func kernelTypes(file string, wanted *btf.Spec) (*btf.Spec, error) {
	names := make(map[string]bool)
	for t, err := range wanted.All() {
		if err != nil {
			return nil, err
		}
		if name := t.TypeName(); name != "" {
			names[string(essential([]byte(name)))] = true
		}
	}
	var few []byte
	err := withFile(file, func(raw []byte) (err error) {
		few, err = extract(raw, names)
		return err
	})
	if errors.Is(err, errTypes) {
		return btf.LoadSpec(file)
	}
	if err != nil {
		return nil, err
	}
	return btf.LoadSpecFromReader(bytes.NewReader(few))
}

// withFile reads a file into memory that is not of the heap, and is gone when do returns.
func withFile(name string, do func([]byte) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < btfHeader || info.Size() > 1<<30 {
		return errTypes
	}
	memory, err := unix.Mmap(-1, 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	defer func() { _ = unix.Munmap(memory) }()
	if _, err := io.ReadFull(f, memory); err != nil {
		return err
	}
	return do(memory)
}

// essential is a name without its flavour, as in task_struct___old.
func essential(name []byte) []byte {
	if i := bytes.LastIndex(name, []byte("___")); i > 0 {
		return name[:i]
	}
	return name
}
