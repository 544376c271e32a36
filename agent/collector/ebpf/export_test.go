package ebpf

import "github.com/cilium/ebpf"

// Quiet has the reader find that nothing flows.
func (r *Reader) Quiet() { r.flowing = false }

// Flows reports whether the reader looks often.
func (r *Reader) Flows() bool { return r.flowing }

// Waits reports whether the reader waits to be woken.
func (r *Reader) Waits() bool { return r.control.wakeAt.Load() != 0 }

// Run runs a program of section raw_tracepoint once, as if its tracepoint had been
// reached.
func (p *Programs) Run(name string, page bool) error {
	argument := uint64(0)
	if page {
		argument = 1
	}
	return p.RunWith(name, argument)
}

// RunWith is Run with an argument.
func (p *Programs) RunWith(name string, argument uint64) error {
	_, err := p.collection.Programs[name].Run(&ebpf.RunOptions{Context: []uint64{argument}})
	return err
}
