package ebpf

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// DefaultBTF is where the kernel describes its own types.
const DefaultBTF = "/sys/kernel/btf/vmlinux"

// Options state how to load programs.
type Options struct {
	// Ring is the size in bytes of the ring of records, a power of two and at least a
	// page. It is resident in the memory of the process that reads.
	Ring int

	// BTF is the file in which the kernel describes its types; empty is DefaultBTF.
	BTF string

	// Root is where procfs is mounted; empty is /proc. Pids in records are those of the
	// first pid namespace: Load refuses where the processes at Root have others.
	Root string
}

// The maps and programs of c/kit.h.
const (
	ringMap     = "records"
	controlMap  = "control"
	selfMap     = "self"
	selfProgram = "kit_self"
)

// Programs are loaded programs and their ring. Nothing of them is pinned to a file: what
// they are in the kernel ends with the descriptors, also when the process is killed.
//
// One goroutine at a time, but for Close.
type Programs struct {
	collection *ebpf.Collection
	links      []link.Link
	programs   []program // of the collector, in the order of their names
}

// Load loads the programs of an object that was built with c/kit.h. They run once they
// are attached. It returns a *Refusal where this kernel, or what we may, does not allow
// them.
func Load(object []byte, o Options) (*Programs, error) {
	if o.BTF == "" {
		o.BTF = DefaultBTF
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return nil, fmt.Errorf("ebpf: object: %w", err)
	}
	types, err := kernelTypes(o.BTF, spec.Types)
	if err != nil {
		return nil, refuse(ReasonBTF, o.BTF, err)
	}
	ring := spec.Maps[ringMap]
	if ring == nil || spec.Maps[controlMap] == nil || spec.Programs[selfProgram] == nil {
		return nil, errors.New("ebpf: object: it does not include kit.h")
	}
	ring.MaxEntries = uint32(o.Ring)
	c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		Programs: ebpf.ProgramOptions{KernelTypes: types, LogSizeStart: 1 << 16},
	})
	if err != nil {
		return nil, classify(err)
	}
	p := &Programs{collection: c}
	for name, s := range spec.Programs {
		if name != selfProgram {
			g := program{Program: c.Programs[name], name: name, at: s.AttachTo, how: s.AttachType}
			if info, err := g.Info(); err == nil {
				id, _ := info.ID()
				g.id = uint32(id)
			}
			p.programs = append(p.programs, g)
		}
	}
	sort.Slice(p.programs, func(i, j int) bool { return p.programs[i].name < p.programs[j].name })
	if err := p.askSelf(o.Root); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// program is one program, with what its section has about where it belongs.
type program struct {
	*ebpf.Program
	name, at string
	how      ebpf.AttachType
	id       uint32 // 0 where the kernel does not show it
}

// AttachTracepoints attaches the programs whose section is raw_tracepoint/NAME or
// tp_btf/NAME to the tracepoints of these names, one after the other. From then on records
// come. The host goes on in between, for milliseconds: of what has a beginning and an end
// the end is attached first, so that no beginning is recorded whose end is not.
func (p *Programs) AttachTracepoints(names ...string) error {
	for _, name := range names {
		if err := p.attachTracepoint(name); err != nil {
			return classify(fmt.Errorf("tracepoint %s: %w", name, err))
		}
	}
	return nil
}

// errNoProgram means that the object has none for a tracepoint.
var errNoProgram = errors.New("no program for it")

func (p *Programs) attachTracepoint(name string) (err error) {
	for _, g := range p.programs {
		if g.at != name {
			continue
		}
		var l link.Link
		switch g.Type() {
		case ebpf.RawTracepoint:
			l, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: name, Program: g.Program})
		case ebpf.Tracing:
			l, err = link.AttachTracing(link.TracingOptions{Program: g.Program, AttachType: g.how})
		default:
			continue
		}
		if err == nil {
			p.links = append(p.links, l)
		}
		return err
	}
	return errNoProgram
}

// AttachCgroup attaches the programs whose section is cgroup_skb/ingress or
// cgroup_skb/egress to the control group at path, and so to all below it.
func (p *Programs) AttachCgroup(path string) error {
	for _, g := range p.programs {
		if g.Type() != ebpf.CGroupSKB {
			continue
		}
		l, err := link.AttachCgroup(link.CgroupOptions{Path: path, Attach: g.how, Program: g.Program})
		if err != nil {
			return classify(fmt.Errorf("control group %s: %w", path, err))
		}
		p.links = append(p.links, l)
	}
	return nil
}

// Close detaches the programs and lets go of them. It may be called again. Readers are
// closed before it.
func (p *Programs) Close() {
	for _, l := range p.links {
		l.Close()
	}
	p.links = nil
	p.collection.Close()
}
