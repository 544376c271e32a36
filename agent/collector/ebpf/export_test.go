package ebpf

import "github.com/cilium/ebpf"

// Quiet has the reader find that nothing flows.
func (r *Reader) Quiet() { r.flowing = false }

// Run runs a program of section raw_tracepoint once, as if its tracepoint had been
// reached.
func (p *Programs) Run(name string, page bool) error {
	argument := uint64(0)
	if page {
		argument = 1
	}
	_, err := p.collection.Programs[name].Run(&ebpf.RunOptions{Context: []uint64{argument}})
	return err
}
